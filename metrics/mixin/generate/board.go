package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// board is one dashboard.
type board struct {
	file, uid, title, about string
	// ofRollout boards have the variables rollout and wave, and annotations.
	ofRollout bool
	rows      []row
}

// row is a titled group of panels; the first of a board has no title.
type row struct {
	title  string
	panels []panel
}

// panel is what a board says about one panel.
type panel struct {
	kind               kind
	title, about, unit string
	wide               bool // half of the board's width, not a third
	max                *float64
	steps              []dashboard.Threshold // of a stat
	names              map[string]string     // a stat's texts by value
	queries            []query
}

type kind int

const (
	asStat kind = iota
	asLines
	asStack
	asTable
)

// query is an expression with the name of its series.
type query struct{ expr, legend string }

// What every board shares.
const (
	runbook = "https://github.com/wxrollout/wxrollout/blob/main/metrics/mixin/runbook.md"
	tag     = "wxrollout"
)

var source = common.DataSourceRef{Type: ptr("prometheus"), Uid: ptr("${datasource}")}

func ptr[T any](v T) *T { return &v }

func (b board) builder() *dashboard.DashboardBuilder {
	d := dashboard.NewDashboardBuilder(b.title).Uid(b.uid).Description(b.about).Tags([]string{tag}).
		Refresh("30s").Time("now-6h", "now").Tooltip(dashboard.DashboardCursorSyncCrosshair).Editable().
		Link(dashboard.NewDashboardLinkBuilder("Boards").Type(dashboard.DashboardLinkTypeDashboards).Tags([]string{tag}).AsDropdown(true).KeepTime(true)).
		Link(dashboard.NewDashboardLinkBuilder("Runbook").Type(dashboard.DashboardLinkTypeLink).Url(runbook).TargetBlank(true)).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus")).
		WithVariable(variable("job", "Job", "label_values(wxrollout_build_info, job)", ".+", true))
	if b.ofRollout {
		d.WithVariable(variable("rollout", "Rollout", `label_values(wxrollout_rollout_info{job=~"$job"}, rollout)`, "", false)).
			WithVariable(variable("wave", "Wave", `label_values(wxrollout_rollout_targets{job=~"$job",rollout=~"$rollout"}, wave)`, ".*", true))
		for _, a := range annotations {
			d.Annotation(dashboard.NewAnnotationQueryBuilder().Name(a.name).Datasource(source).Enable(true).IconColor(a.color).
				Expr(a.expr).TitleFormat(a.name).TextFormat(a.text).Step("60s"))
		}
	}
	for _, r := range b.rows {
		if r.title != "" {
			d.WithRow(dashboard.NewRowBuilder(r.title))
		}
		for _, p := range r.panels {
			d.WithPanel(p.builder())
		}
	}
	return d
}

// variable is a choice among label values. all is the regexp of the choice "All"; "" offers none.
func variable(name, label, query, all string, multi bool) *dashboard.QueryVariableBuilder {
	v := dashboard.NewQueryVariableBuilder(name).Label(label).Datasource(source).Query(dashboard.StringOrMap{String: &query}).Definition(query).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortAlphabeticalDesc).Multi(multi)
	if all != "" {
		v.IncludeAll(true).AllValue(all).Current(dashboard.VariableOption{
			Text:  dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value: dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
	}
	return v
}

func (p panel) builder() cog.Builder[dashboard.Panel] {
	switch p.kind {
	case asStat:
		return p.stat()
	case asTable:
		return p.table()
	default:
		return p.series()
	}
}

func (p panel) stat() *stat.PanelBuilder {
	b := stat.NewPanelBuilder().Title(p.title).Description(p.about).Datasource(source).Span(4).Height(4).Unit(p.unit).
		Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(p.steps)).
		ColorMode(common.BigValueColorModeValue).GraphMode(common.BigValueGraphModeNone).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}))
	if p.names != nil {
		texts := make(map[string]dashboard.ValueMappingResult, len(p.names))
		for value, text := range p.names {
			texts[value] = dashboard.ValueMappingResult{Text: &text}
		}
		b.Mappings([]dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: texts}}})
	}
	for _, q := range p.targets() {
		b.WithTarget(q)
	}
	return b
}

func (p panel) table() *table.PanelBuilder {
	b := table.NewPanelBuilder().Title(p.title).Description(p.about).Datasource(source).Span(p.span()).Height(8).
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{"sum"})). // the schema wants one, shown or not
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
			"excludeByName": map[string]bool{"Time": true, "job": true, "instance": true, "__name__": true},
		}})
	for _, q := range p.targets() {
		b.WithTarget(q)
	}
	return b
}

func (p panel) series() *timeseries.PanelBuilder {
	b := timeseries.NewPanelBuilder().Title(p.title).Description(p.about).Datasource(source).Span(p.span()).Height(8).Unit(p.unit).
		ShowPoints(common.VisibilityModeNever).FillOpacity(10).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	if p.kind == asStack {
		b.FillOpacity(30).Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A"))
	}
	if p.unit != "s" {
		b.Min(0)
	}
	if p.max != nil {
		b.Max(*p.max)
	}
	for _, q := range p.targets() {
		b.WithTarget(q)
	}
	return b
}

func (p panel) span() uint32 {
	if p.wide {
		return 12
	}
	return 8
}

func (p panel) targets() []cog.Builder[variants.Dataquery] {
	var out []cog.Builder[variants.Dataquery]
	for i, q := range p.queries {
		b := prometheus.NewDataqueryBuilder().RefId(string(rune('A' + i))).Datasource(source).Expr(q.expr).LegendFormat(q.legend)
		switch p.kind {
		case asStat:
			b.Instant()
		case asTable:
			b.Instant().Format(prometheus.PromQueryFormatTable)
		default:
			b.Range()
		}
		out = append(out, b)
	}
	return out
}

// The ways to write a panel.
func lines(title, about, unit string, q ...query) panel {
	return panel{kind: asLines, title: title, about: about, unit: unit, queries: q}
}

func stack(title, about, unit string, q ...query) panel {
	return panel{kind: asStack, title: title, about: about, unit: unit, queries: q}
}

func list(title, about string, q ...query) panel {
	return panel{kind: asTable, title: title, about: about, wide: true, queries: q}
}

func number(title, about, unit, expr string, steps ...dashboard.Threshold) panel {
	return panel{kind: asStat, title: title, about: about, unit: unit, steps: steps, queries: []query{{expr, ""}}}
}

func (p panel) half() panel            { p.wide = true; return p }
func (p panel) upTo(max float64) panel { p.max = &max; return p }

// named shows texts in place of values.
func (p panel) named(names map[string]string) panel { p.names = names; return p }

// color is a threshold: the color from a value on, the first without one.
func color(name string, from ...float64) dashboard.Threshold {
	t := dashboard.Threshold{Color: name}
	if len(from) > 0 {
		t.Value = &from[0]
	}
	return t
}

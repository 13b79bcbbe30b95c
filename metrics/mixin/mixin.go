// Package mixin is what an operator's Prometheus and Grafana load to watch
// wxrollout: dashboards, alerts with a runbook, and unit tests of the alerts.
//
// The files are meant to be used as they are:
//
//	dashboards/*.json          Grafana 10 or newer; written by the module in generate
//	rules/alerts.yaml          rule_files of Prometheus 2.40 or newer
//	rules/alerts_test.yaml     promtool test rules
//	runbook.md                 one section per alert
//
// The package embeds them so that tests can ask a real Prometheus each of their
// questions. No product code imports it.
package mixin

import (
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed dashboards
var dashboards embed.FS

//go:embed rules/alerts.yaml
var rules []byte

// Query is one question of a dashboard.
type Query struct {
	// Board is the dashboard's file without .json, and Panel the title of a panel, or the name of a
	// variable or an annotation.
	Board, Panel string
	// Expr is the PromQL expression, with Grafana's variables filled in.
	Expr string
	// Sparse reports that the answer may be empty though all is well, because the
	// expression names a metric that is exported only when its value is known.
	Sparse bool
	// Event reports that it finds the moments of an event: mostly there is none.
	Event bool
}

// Alert is one rule.
type Alert struct {
	// Name is the alert's name.
	Name string `yaml:"alert"`
	// Expr is its condition.
	Expr string `yaml:"expr"`
	// For is how long the condition must hold, in Prometheus's form.
	For string `yaml:"for"`
	// Labels hold its severity: critical, warning or info.
	Labels map[string]string `yaml:"labels"`
	// Annotations hold summary, description and runbook_url.
	Annotations map[string]string `yaml:"annotations"`
}

// sparse are the metrics that are absent while there is nothing to show.
var sparse = regexp.MustCompile(`\b(wxrollout_quota_(rest|limit|external_units|unread_timestamp_seconds)|wxrollout_pool_retry_timestamp_seconds|` +
	`wxrollout_ticket_age_seconds|wxrollout_component_token_expiry_seconds|wxrollout_app_tokens|wxrollout_rollout_[a-z_]+)\b`)

// variables are Grafana's, as tests fill them in.
var variables = strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$job", ".+", "$rollout", ".+", "$wave", ".*")

// Queries lists what the dashboards ask, in their order.
func Queries() []Query { return queries() }

// Alerts lists the alerts, in the file's order.
func Alerts() []Alert { return alerts() }

// The files are part of the build: one that can't be read is a defect that this
// package's tests catch, hence the panics.
var (
	queries = sync.OnceValue(func() []Query {
		files, err := dashboards.ReadDir("dashboards")
		if err != nil {
			panic(err)
		}
		var list []Query
		for _, f := range files {
			text, err := dashboards.ReadFile("dashboards/" + f.Name())
			if err != nil {
				panic(err)
			}
			of, err := parseDashboard(strings.TrimSuffix(f.Name(), ".json"), text)
			if err != nil {
				panic(err)
			}
			list = append(list, of...)
		}
		return list
	})
	alerts = sync.OnceValue(func() []Alert {
		list, err := parseRules(rules)
		if err != nil {
			panic(err)
		}
		return list
	})
)

// labelValues is Grafana's question for the values of a label: label_values(metric, label).
var labelValues = regexp.MustCompile(`^label_values\((.*), *(\w+)\)$`)

func parseDashboard(board string, text []byte) ([]Query, error) {
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Name, Type, Query string }
		}
		Annotations struct {
			List []struct{ Name, Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("parse dashboards/%s.json: %w", board, err)
	}
	var list []Query
	add := func(panel, expr string, event bool) {
		list = append(list, Query{Board: board, Panel: panel, Expr: variables.Replace(expr), Sparse: event || sparse.MatchString(expr), Event: event})
	}
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			add(p.Title, t.Expr, false)
		}
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			add("variable "+v.Name, labelValues.ReplaceAllString(v.Query, "group by ($2) ($1)"), false)
		}
	}
	for _, a := range d.Annotations.List {
		add("annotation "+a.Name, a.Expr, true)
	}
	return list, nil
}

func parseRules(text []byte) ([]Alert, error) {
	var f struct {
		Groups []struct {
			Name  string  `yaml:"name"`
			Rules []Alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("parse rules/alerts.yaml: %w", err)
	}
	var list []Alert
	for _, g := range f.Groups {
		list = append(list, g.Rules...)
	}
	return list, nil
}

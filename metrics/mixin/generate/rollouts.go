package main

// Selectors of the board's variables.
const (
	ofRollout = `job=~"$job",rollout=~"$rollout"`
	ofWave    = ofRollout + `,wave=~"$wave"`
)

// rollouts is about one rollout, also after its end.
var rollouts = board{
	file: "rollout", uid: "wxrollout-rollout", title: "wxrollout / Rollout", ofRollout: true,
	about: "Where one rollout is, what holds it, and how its gates decide. Finished ones stay for as long as Prometheus keeps them.",
	rows: []row{
		{"", []panel{
			number("All targets", "All targets of the rollout.", "short", `sum(last_over_time(wxrollout_rollout_targets{`+ofRollout+`}[$__range]))`, color("blue")),
			number("Live", "Targets that ended with the plan's version live.", "short",
				`sum(wxrollout_rollout_targets{`+ofRollout+`,state=~"released|up-to-date"}) or vector(0)`, color("green")),
			number("Unfinished", "Targets that have not ended.", "short",
				`sum(wxrollout_rollout_targets{`+ofRollout+`,state=~"pending|running|parked"}) or vector(0)`, color("blue")),
			number("Rejected or failed", "Targets that ended without a release: each needs a decision.", "short",
				`sum(wxrollout_rollout_targets{`+ofRollout+`,state=~"rejected|failed"}) or vector(0)`, color("green"), color("red", 1)),
			number("Running for", "Time since the rollout began to run, until its end.", "s",
				`max((wxrollout_rollout_ended_timestamp_seconds{`+ofRollout+`} or time() + 0 * wxrollout_rollout_started_timestamp_seconds{`+ofRollout+`}) - wxrollout_rollout_started_timestamp_seconds{`+ofRollout+`})`, color("blue")),
			number("Reserved for others", "Submissions that its plan keeps for other pools.", "short",
				`max(wxrollout_rollout_quota_reserved{`+ofRollout+`})`, color("blue")),
		}},
		{"Which one, and its status", []panel{
			list("Rollout", "The rollout's id, name, template and version.",
				query{`max by (rollout, name, template, version) (wxrollout_rollout_info{` + ofRollout + `})`, ""}),
			stack("Status", "The status of the rollout over time.", "short",
				query{`max by (rollout, status) (wxrollout_rollout_status{` + ofRollout + `}) > 0`, "{{rollout}} {{status}}"}).half(),
		}},
		{"Targets", []panel{
			stack("By state", "All targets of the waves. The sum is constant while the rollout runs.", "short",
				query{`sum by (state) (wxrollout_rollout_targets{` + ofWave + `})`, "{{state}}"}),
			stack("Unfinished by stage", "Targets that have not ended, by the stage they are at.", "short",
				query{`sum by (stage) (wxrollout_rollout_targets{` + ofWave + `,state=~"pending|running|parked"})`, "{{stage}}"}),
			stack("Parked by reason", "What parked targets wait for. Parking spends no attempt.", "short",
				query{`sum by (reason) (wxrollout_rollout_targets_parked{` + ofWave + `})`, "{{reason}}"}),
			stack("By wave", "Unfinished targets of each wave.", "short",
				query{`sum by (wave) (wxrollout_rollout_targets{` + ofRollout + `,state=~"pending|running|parked"})`, "{{wave}}"}).half(),
			lines("Finished per hour", "Targets that ended in the hour before, by state.", "short",
				query{`sum by (state) (delta(wxrollout_rollout_targets{` + ofWave + `,state=~"released|rejected|failed|skipped|undone"}[1h]))`, "{{state}}"}).half(),
		}},
		{"Gates", []panel{
			lines("Share of bad verdicts", "Rejected and failed targets among those judged, beside the limit of the gate after the wave.", "percentunit",
				query{`sum by (rollout, wave) (wxrollout_rollout_gate_bad{` + ofWave + `}) / (sum by (rollout, wave) (wxrollout_rollout_gate_judged{` + ofWave + `}) > 0)`, "{{wave}}"},
				query{`max by (rollout, wave) (wxrollout_rollout_gate_limit_ratio{` + ofWave + `})`, "{{wave}} limit"}).upTo(1),
			lines("Judged", "Targets with a verdict, beside how many the gate needs.", "short",
				query{`max by (rollout, wave) (wxrollout_rollout_gate_judged{` + ofWave + `})`, "{{wave}}"},
				query{`max by (rollout, wave) (wxrollout_rollout_gate_needed{` + ofWave + `})`, "{{wave}} needed"}),
			stack("Decision", "The decision of the gate after each wave: hold, pass, fail or trip.", "short",
				query{`max by (rollout, wave, decision) (wxrollout_rollout_gate{` + ofWave + `}) > 0`, "{{wave}} {{decision}}"}),
		}},
	},
}

// annotations mark on a rollout's board what people and gates decided.
var annotations = []struct{ name, color, expr, text string }{
	{"Applied", "blue", `min by (rollout, name) (wxrollout_rollout_created_timestamp_seconds{` + ofRollout + `} * on (rollout) group_left (name) wxrollout_rollout_info{` + ofRollout + `}) > time() - 120`, "{{rollout}}"},
	{"Paused", "orange", `max by (rollout) (wxrollout_rollout_status{` + ofRollout + `,status="paused"}) > 0 unless max by (rollout) (wxrollout_rollout_status{` + ofRollout + `,status="paused"} offset 2m) > 0`, "{{rollout}} was paused"},
	{"Resumed", "green", `max by (rollout) (wxrollout_rollout_status{` + ofRollout + `,status="paused"} offset 2m) > 0 unless max by (rollout) (wxrollout_rollout_status{` + ofRollout + `,status="paused"}) > 0`, "{{rollout}} was resumed"},
	{"Gate", "purple", `max by (rollout, wave, decision) (wxrollout_rollout_gate{` + ofRollout + `,decision!="hold"}) > 0 unless max by (rollout, wave, decision) (wxrollout_rollout_gate{` + ofRollout + `,decision!="hold"} offset 2m) > 0`, "{{wave}}: {{decision}}"},
	{"Penalty", "red", `sum by (reason) (increase(wxrollout_pool_closings_total{job=~"$job",reason=~"86008|86010"}[2m])) > 0`, "WeChat refused with {{reason}}"},
}

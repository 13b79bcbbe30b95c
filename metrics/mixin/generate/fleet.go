package main

// fleet is the board to begin with: all rollouts together.
var fleet = board{
	file: "fleet", uid: "wxrollout", title: "wxrollout / Fleet",
	about: "Where the targets of all active rollouts are, and what holds them.",
	rows: []row{
		{"", []panel{
			number("Unfinished", "Targets of active rollouts that have not ended.", "short", `sum(wxrollout_targets{job=~"$job",state=~"pending|running|parked"})`, color("blue")),
			number("Released", "Targets that are live with their plan's version.", "short", `sum(wxrollout_targets{job=~"$job",state="released"})`, color("green")),
			number("Failed or rejected", "Targets that need an operator.", "short", `sum(wxrollout_targets{job=~"$job",state=~"failed|rejected"})`, color("green"), color("red", 1)),
			number("Quota left", "The last reading less what was spent since. Empty before the first reading.", "short", `max(wxrollout_quota_rest{job=~"$job"})`, color("red"), color("orange", 1), color("green", 50)),
			number("Submit pool", "Closed when WeChat refused a submission for the whole platform (85085, 86008, 86010), or nothing is left.", "short", `max(wxrollout_pool_open{job=~"$job",stage="submit"})`, color("red"), color("green", 1)).named(map[string]string{"0": "closed", "1": "open"}),
			number("Leaders", "Workers that lead. Exactly one should.", "short", `sum(wxrollout_leader{job=~"$job"})`, color("red"), color("green", 1), color("red", 2)),
		}},
		{"One by one", []panel{
			list("Newest rollouts", "The newest 20 unfinished rollouts and those that ended within a day, with the status of each.",
				query{`max by (rollout, status) (wxrollout_rollout_status{job=~"$job"} > 0) * on (rollout) group_left (name, version) max by (rollout, name, version) (wxrollout_rollout_info{job=~"$job"})`, ""}),
			stack("Unfinished by rollout", "Targets that have not ended, by rollout; other sums up those that are not among the newest 20.", "short",
				query{`sum by (rollout) (wxrollout_rollout_targets{job=~"$job",state=~"pending|running|parked"})`, "{{rollout}}"}).half(),
		}},
		{"Targets", []panel{
			stack("Unfinished by stage", "Targets that have not ended.", "short",
				query{`sum by (stage) (wxrollout_targets{job=~"$job",state=~"pending|running|parked"})`, "{{stage}}"}),
			stack("All by state", "Targets by state. The sum is the number of targets of active rollouts.", "short",
				query{`sum by (state) (wxrollout_targets{job=~"$job"})`, "{{state}}"}),
			stack("Parked by reason", "What parked targets wait for. Parking spends no attempt.", "short",
				query{`sum by (reason) (wxrollout_targets_parked{job=~"$job"})`, "{{reason}}"}),
			lines("Ready by stage", "Pending targets that no gate, pause or start time holds back.", "short",
				query{`sum by (stage) (wxrollout_targets_ready{job=~"$job"})`, "{{stage}}"}),
			lines("Transitions", "Assignments that ended, by event.", "ops",
				query{`sum by (event) (rate(wxrollout_transitions_total{job=~"$job"}[$__rate_interval]))`, "{{event}}"}),
			lines("Transitions by stage", "Assignments that ended, by stage.", "ops",
				query{`sum by (stage) (rate(wxrollout_transitions_total{job=~"$job"}[$__rate_interval]))`, "{{stage}}"}),
			stack("Verdicts per hour", "Audits that ended.", "short",
				query{`sum by (verdict) (increase(wxrollout_verdicts_total{job=~"$job"}[1h]))`, "{{verdict}}"}).half(),
			stack("Rollouts", "Rollouts by status.", "short",
				query{`sum by (status) (wxrollout_rollouts{job=~"$job"})`, "{{status}}"}).half(),
		}},
	},
}

package main

// workers is about the processes: workers, queues, the leader.
var workers = board{
	file: "workers", uid: "wxrollout-workers", title: "wxrollout / Workers and queues",
	about: "What the workers do, what waits in the queues, and who leads.",
	rows: []row{
		{"", []panel{
			lines("Assignments out, and capacity", "Leases by queue, beside the concurrency of the live workers.", "short",
				query{`sum by (queue) (wxrollout_leases{job=~"$job"})`, "{{queue}} out"},
				query{`sum by (queue) (wxrollout_worker_capacity{job=~"$job"})`, "{{queue}} capacity"}),
			stack("Asynq queues", "Tasks by queue and state. Only a small window is ever queued; the backlog is in the ledger.", "short",
				query{`sum by (queue, state) (wxrollout_queue_tasks{job=~"$job"})`, "{{queue}} {{state}}"}),
			lines("Tasks dropped", "Stale and lost assignments are harmless duplicates; the fence stopped them.", "ops",
				query{`sum by (why) (rate(wxrollout_tasks_dropped_total{job=~"$job"}[$__rate_interval]))`, "{{why}}"}),
			stack("Reconcile passes", "By result.", "ops",
				query{`sum by (result) (rate(wxrollout_controller_passes_total{job=~"$job"}[$__rate_interval]))`, "{{result}}"}),
			lines("Dispatching", "Assignments handed out, targets woken, assignments taken back from workers that died.", "ops",
				query{`sum(rate(wxrollout_controller_assignments_total{job=~"$job"}[$__rate_interval]))`, "claimed"},
				query{`sum(rate(wxrollout_controller_woken_total{job=~"$job"}[$__rate_interval]))`, "woken"},
				query{`sum(rate(wxrollout_controller_expired_total{job=~"$job"}[$__rate_interval]))`, "expired"}),
			lines("Leader", "Which worker leads.", "short",
				query{`wxrollout_leader{job=~"$job"}`, "{{instance}}"}).upTo(1),
		}},
		{"Schedules and health", []panel{
			lines("Scheduled runs", "Runs of the existing schedules: begun, missed for want of a worker, skipped because the run before had not ended. enqueue schedule list names them.", "short",
				query{`max by (result) (wxrollout_schedule_runs{job=~"$job"})`, "{{result}}"}).half(),
			lines("Gauges that could not be read", "Scrapes at which a part of this dashboard was missing.", "short",
				query{`sum by (collector) (increase(wxrollout_collect_errors_total{job=~"$job"}[$__rate_interval]))`, "{{collector}}"}).half(),
			list("Build", "Running versions, and the workers of each.", query{`count by (version, revision, goversion) (wxrollout_build_info{job=~"$job"})`, ""}),
		}},
	},
}

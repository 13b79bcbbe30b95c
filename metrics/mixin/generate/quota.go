package main

// quota is about submissions, and the pools that give permits.
var quota = board{
	file: "quota", uid: "wxrollout-quota", title: "wxrollout / Quota",
	about: "How many submissions are left, and what closes the pools.",
	rows: []row{
		{"", []panel{
			lines("Submission quota", "Units left, and the limit.", "short",
				query{`max(wxrollout_quota_rest{job=~"$job"})`, "left"},
				query{`max(wxrollout_quota_limit{job=~"$job"})`, "limit"}),
			lines("Open pools", "1 while WeChat lets a stage's calls through.", "short",
				query{`max by (stage) (wxrollout_pool_open{job=~"$job"})`, "{{stage}}"}).upTo(1),
			lines("Time until a closed pool is probed again", "Empty while all pools are open.", "s",
				query{`max by (stage) (wxrollout_pool_retry_timestamp_seconds{job=~"$job"}) - time()`, "{{stage}}"}),
		}},
		{"Refusals", []panel{
			lines("Refusals that close a pool", "By stage and errcode: 85085 quota used up, 45009 and 45011 too many calls, 86008 and 86010 penalties.", "short",
				query{`sum by (stage, reason) (increase(wxrollout_pool_closings_total{job=~"$job"}[$__rate_interval]))`, "{{stage}} {{reason}}"}).half(),
			lines("Submissions refused: quota used up (85085)", "The closed pool should prevent all but the first and the probes.", "short",
				query{`sum(increase(wxrollout_wechat_errcodes_total{job=~"$job",code="85085"}[$__rate_interval]))`, "85085"}).half(),
		}},
	},
}

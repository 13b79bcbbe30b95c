package main

// wechat is about the calls to WeChat, its callbacks and the credentials.
var wechat = board{
	file: "wechat", uid: "wxrollout-wechat", title: "wxrollout / WeChat API",
	about: "How WeChat answers, and whether its callbacks and tokens arrive.",
	rows: []row{
		{"", []panel{
			stack("Calls by endpoint", "HTTP exchanges.", "reqps",
				query{`sum by (endpoint) (rate(wxrollout_wechat_requests_total{job=~"$job"}[$__rate_interval]))`, "{{endpoint}}"}),
			stack("Calls by class, except ok", "By the class of the answer. no-answer may have taken effect and is read back.", "reqps",
				query{`sum by (class) (rate(wxrollout_wechat_requests_total{job=~"$job",class!="ok"}[$__rate_interval]))`, "{{class}}"}),
			lines("Errcodes", "The ten most frequent; other is what the table lacks.", "reqps",
				query{`topk(10, sum by (code) (rate(wxrollout_wechat_errcodes_total{job=~"$job"}[$__rate_interval])))`, "{{code}}"}),
			lines("Latency", "Median and 99th percentile of all calls.", "s",
				query{`histogram_quantile(0.5, sum by (le) (rate(wxrollout_wechat_request_duration_seconds_bucket{job=~"$job"}[$__rate_interval])))`, "p50"},
				query{`histogram_quantile(0.99, sum by (le) (rate(wxrollout_wechat_request_duration_seconds_bucket{job=~"$job"}[$__rate_interval])))`, "p99"}),
			lines("Latency by endpoint (p99)", "An endpoint without calls has no line.", "s",
				query{`histogram_quantile(0.99, sum by (le, endpoint) (rate(wxrollout_wechat_request_duration_seconds_bucket{job=~"$job"}[$__rate_interval])))`, "{{endpoint}}"}),
			lines("Rate in force", "Part of the full rate at which WeChat is called, the slowest endpoints: halved when it refuses, climbs back to 1 with time.", "percentunit",
				query{`bottomk(5, min by (endpoint) (wxrollout_rate_factor{job=~"$job"}))`, "{{endpoint}}"}).upTo(1),
		}},
		{"Callbacks and credentials", []panel{
			stack("Callbacks", "By type, or by the reason of the refusal.", "ops",
				query{`sum by (type, result) (rate(wxrollout_callbacks_total{job=~"$job"}[$__rate_interval]))`, "{{type}} {{result}}"}),
			lines("Verify ticket's age", "WeChat sends one about every ten minutes. Empty if none ever arrived.", "s",
				query{`max(wxrollout_ticket_age_seconds{job=~"$job"})`, "age"}),
			lines("Time until the platform's token ends", "It is renewed ten minutes before its end.", "s",
				query{`max(wxrollout_component_token_expiry_seconds{job=~"$job"})`, "left"}),
			stack("Token renewals", "Requests for new tokens, by result. merchant waits for an app's merchant; platform needs a fix of our credentials.", "short",
				query{`sum by (token, result) (increase(wxrollout_token_renewals_total{job=~"$job"}[$__rate_interval]))`, "{{token}} {{result}}"}).half(),
			lines("Apps with a live token", "Tokens are renewed on demand, so this falls to 0 while no app is called.", "short",
				query{`max(wxrollout_app_tokens{job=~"$job"})`, "apps"}).half(),
		}},
	},
}

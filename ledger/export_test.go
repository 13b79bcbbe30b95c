package ledger

// Failed lets tests see how an error of Redis is told.
func Failed(err error, what string) error { return failed(err, "%s", what) }

package app

// Serving says that everything was started.
func (a *App) Serving() bool { return a.http.ready.Load() }

// BreakListener closes the listener under the server, which ends it.
func (a *App) BreakListener() error { return a.http.listener.Close() }

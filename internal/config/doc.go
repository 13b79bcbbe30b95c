// Package config holds the settings of worker and enqueue: flags, environment, secret files, defaults
// and the checks between them.
//
// The flags of [Bind] are the one table of settings: --help, the environment ([Load]) and
// docs/configuration.md are derived from it. Secrets are never flags, and a [Secret] prints "[redacted]".
package config

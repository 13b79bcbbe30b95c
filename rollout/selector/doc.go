// Package selector chooses apps by their columns, as Kubernetes' label
// selectors do.
package selector

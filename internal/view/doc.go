// Package view shows rollouts and targets to people: rows, summaries, filters, causes of failures,
// and words for states, reasons and next steps. It is pure: no Redis, no WeChat, no clock.
package view

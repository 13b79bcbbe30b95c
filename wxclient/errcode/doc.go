// Package errcode classifies WeChat's answers: the typed errors of a call, the class of every known
// errcode, the next step for a person, and the refused entries of a change.
//
// A caller decides by [Class], never by errmsg: WeChat changes its texts. Codes, classes and texts are
// in errcodes.csv, next steps in advice.csv.
package errcode

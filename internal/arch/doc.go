// Package arch holds no code: its tests keep the repository as it is drawn. They
// compare the packages' imports with one table, look at what gets into the
// binaries, and check the files that deploy them.
package arch

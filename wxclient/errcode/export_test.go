package errcode

// CodeCount is the number of codes in the table, for the tests outside.
func CodeCount() int { return len(codeTable()) }

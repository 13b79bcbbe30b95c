package doctor

// CheckCredentials is the part of Check that tests of stored credentials need.
var CheckCredentials = (*Doctor).checkCredentials

// CheckCallbacks is the part of Check about refused callbacks.
var CheckCallbacks = (*Doctor).checkCallbacks

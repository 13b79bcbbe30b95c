package doctor

// CheckCredentials is the part of Check that tests of stored credentials need.
var CheckCredentials = (*Doctor).checkCredentials

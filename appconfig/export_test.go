package appconfig

// AddKind adds a kind to the table of this test binary, as its line in the table would.
func AddKind(k *Kind) { table = append(table, k) }

// DomainsMax is how many domains one list of an app may hold.
const DomainsMax = domainsMax

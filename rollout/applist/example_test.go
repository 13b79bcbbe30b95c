package applist_test

import (
	"fmt"
	"strings"

	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

func ExampleRead() {
	apps, err := applist.Read("apps.csv", strings.NewReader(`
# north
appid,              label, tier
wx0000000000000001, Tea,   gold
wx0000000000000002, Rice,  tin
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	gold, _ := selector.Parse("tier=gold")
	chosen, err := apps.Select(gold)
	fmt.Println(chosen.At(0), err)
	// Output:
	// {wx0000000000000001 Tea map[tier:gold] 4} <nil>
}

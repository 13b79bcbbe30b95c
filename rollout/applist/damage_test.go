package applist_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/rollout/applist"
)

// TestDamage: what spreadsheet programs make of ids and versions is found, with its place.
func TestDamage(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"8.68533E+14", "-1.2E-05", "1E+10", "8,68533E+14", "1月2日", "12月31日", "2-Jan", "Jan-20", "3-Sep", "Sep-2026", "Mar 03",
		"2024/1/2", "2024-01-02", "1/2/2024", "2024年1月2日", "2024年1月", "2-Jan-24", "2024/1/2 0:00", "868533000123456000",
		"#NAME?", "#REF!", "#DIV/0!", "#N/A", "########", `="0012"`,
	} {
		apps := readApps(t, "appid,label,id\n"+id1+`,tea,"`+strings.ReplaceAll(value, `"`, `""`)+"\"\n"+id2+",cake,868533000123456\n")
		damage := apps.Damage()
		if len(damage) != 1 || damage[0].Line != 2 || damage[0].Column != 24 || damage[0].Key != "id" || damage[0].Value != value {
			t.Errorf("%s: %+v", value, damage)
		}
	}
	for _, value := range []string{
		"868533000123456", "1.2", "1.2.3", "v1", "2E5", "1e10", "12E+1 ", "86853300012345678", "store 2", "3-January St", "May", "Jan", "一月二日",
		"10:30", "2024", "#1", "a=b", "1-2", "0012", "-5", "1,234", "D-12", "A4-02", "T8", "Mart 5a", "100000000000000",
	} {
		if damage := readApps(t, "appid,label,id\n"+id1+`,tea,"`+value+"\"\n").Damage(); len(damage) > 0 {
			t.Errorf("%s: %v", value, damage)
		}
	}
}

// TestDatesAreMeant: in a column of nothing but full dates they are no damage.
func TestDatesAreMeant(t *testing.T) {
	t.Parallel()
	list := "appid,label,opened,version\n" + id1 + ",1月2日,2024/1/2,2024/1/2\n" + id2 + ",8.6E+14,2024-12-31,1.2\n" + id3 + ",b,,\n"
	if got, want := readApps(t, list).Damage().Error(), `apps.csv:2: version: "2024/1/2": looks like a date that a spreadsheet made of a number or version
apps.csv:3: label: "8.6E+14": is a number that a spreadsheet shortened: its digits are lost`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDamageIsBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("appid,n\n")
	for i := range 2 * applist.DamageMax {
		fmt.Fprintf(&b, "wx%016x,1E+10\n", i)
	}
	if n := len(readApps(t, b.String()).Damage()); n != applist.DamageMax {
		t.Errorf("%d", n)
	}
}

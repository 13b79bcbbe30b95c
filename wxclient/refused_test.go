package wxclient_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// A refused change names what was refused, and why: the lists of the reply are read with an errcode
// other than 0 too.
func TestRefusedListsOfARefusal(t *testing.T) {
	t.Parallel()
	c, _, _ := setup(t, `{"errcode":85301,"errmsg":"no domain left to modify rid: 1-2-3","requestdomain":[],`+
		`"no_icp_domain":["https://b.example.com"],"invalid_wsrequestdomain":["wss://shop.example.com",7],"invalid_requestdomain":["https://shop.example.com"],"invalid_udpdomain":null}`)
	_, err := c.ModifyDomainsDirectly(t.Context(), app, configapi.DomainAdd, configapi.ServerDomains{Request: []string{"https://shop.example.com"}})
	var answer *wxclient.Error
	if !errors.As(err, &answer) {
		t.Fatalf("got %v", err)
	}
	want := []wxclient.RefusedItem{
		{List: "invalid_requestdomain", Item: "https://shop.example.com"},
		{List: "invalid_wsrequestdomain", Item: "wss://shop.example.com"},
		{List: "invalid_wsrequestdomain", Item: "7"},
		{List: "no_icp_domain", Item: "https://b.example.com"},
	}
	if diff := cmp.Diff(want, answer.Refused); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if answer.Class != wxclient.ClassFatalApp || answer.RID != "1-2-3" {
		t.Errorf("class %s, rid %q", answer.Class, answer.RID)
	}
	for _, part := range []string{"https://shop.example.com: WeChat does not accept it as requestdomain", "https://b.example.com: has no ICP filing"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

// A long list is bounded in the error and in its text, and holds no secret.
func TestRefusedListsAreBounded(t *testing.T) {
	t.Parallel()
	items := make([]string, 0, 500)
	for n := range 500 {
		items = append(items, fmt.Sprintf(`"https://%d.example.com"`, n))
	}
	c, _, _ := setup(t, `{"errcode":89021,"invalid_webviewdomain":["access_token=s3cret`+strings.Repeat("界", 300)+`",`+strings.Join(items, ",")+`]}`)
	_, err := c.SetWebviewDomains(t.Context(), app, configapi.DomainAdd, []string{"https://a.example.com"})
	var answer *wxclient.Error
	if !errors.As(err, &answer) || len(answer.Refused) != 200 {
		t.Fatalf("got %v", err)
	}
	noSecret(t, fmt.Sprintf("%+v", answer.Refused), "s3cret")
	if n := len([]rune(answer.Refused[0].Item)); n > 203 {
		t.Errorf("an item of %d runes", n)
	}
	if text := err.Error(); strings.Contains(text, "20.example.com") || !strings.Contains(text, " more)") {
		t.Errorf("text %q", text)
	}
}

package fleet_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/wxclient"
)

// company is an enterprise with a code.
func company(code string) wxclient.Enterprise {
	return wxclient.Enterprise{Name: "co", Code: code, CodeType: wxclient.CodeCredit, LegalName: "n", LegalWeChat: "w", LegalIDCard: "4403"}
}

// creations are all there are, as "kind id state".
func (b *bench) creations() (list []fleet.Creation, words string) {
	b.T.Helper()
	list, err := b.Fleet.Creations(b.Ctx, false)
	if err != nil {
		b.T.Fatal(err)
	}
	for _, r := range list {
		words += fmt.Sprintf("%s %s %s; ", r.Kind, r.ID, r.State)
	}
	return list, words
}

func (b *bench) ended(e fleet.CreationEnd) {
	b.T.Helper()
	if err := b.Fleet.CreationEnded(b.Ctx, e); err != nil {
		b.T.Fatal(err)
	}
}

// TestCreateTrial: a creation waits, ends by a callback that may come twice, late or first, and its
// link is never stored.
func TestCreateTrial(t *testing.T) {
	t.Parallel()
	b := mini(t)
	r, err := b.Fleet.CreateTrial(b.Ctx, "shop", "openid-1", "why")
	if err != nil || r.CreateToken != "secret-token" || r.State != apps.CreationWaiting || !r.Until.Equal(operatortest.NewYear.Add(24*time.Hour)) {
		t.Fatalf("%+v %v", r, err)
	}
	stored, err := b.Redis.HGetAll(b.Ctx, "wxr:{apps}:creations").Result()
	if err != nil || len(stored) != 1 || strings.Contains(fmt.Sprint(stored), "secret") {
		t.Errorf("stored %v %v", stored, err)
	}
	b.Advance(26 * time.Hour)
	if _, words := b.creations(); words != "trial u-shop overdue; " {
		t.Error(words)
	}
	end := fleet.CreationEnd{Kind: apps.KindTrial, ID: "u-shop", AppID: "wxnew", Text: "OK", At: b.Now()}
	b.ended(end)
	b.ended(end)
	older := end
	older.At, older.Status, older.AppID = end.At.Add(-time.Second), 1, ""
	b.ended(older)
	list, _ := b.creations()
	if len(list) != 1 || list[0].State != apps.CreationDone || list[0].AppID != "wxnew" || list[0].Why != "why" || !strings.Contains(list[0].Next, "converted") {
		t.Errorf("%+v", list)
	}
	// The callback of the next one arrives before we store it, and WeChat's clock is behind.
	b.ended(fleet.CreationEnd{Kind: apps.KindTrial, ID: "u-fast", AppID: "wxfast", Name: "fast", At: b.Now().Add(-5 * time.Minute)})
	if r, err = b.Fleet.CreateTrial(b.Ctx, "fast", "openid-1", ""); err != nil || r.State != apps.CreationDone || r.AppID != "wxfast" {
		t.Errorf("%+v %v", r, err)
	}
}

// TestCreateEnterprise: refused by the call, lost, already under way, refused by callback, and asked
// for again.
func TestCreateEnterprise(t *testing.T) {
	t.Parallel()
	b := mini(t)
	ask := func(code string, err error) error {
		t.Helper()
		b.WeChat.Errs["CreateEnterprise "+code] = err
		_, got := b.Fleet.CreateEnterprise(b.Ctx, company(code), "")
		return got
	}
	if err := ask("refused", &wxclient.Error{Code: 61070, Msg: "not in accordance"}); err == nil || !strings.Contains(err.Error(), "check both") {
		t.Error(err)
	}
	if err := ask("lost", &wxclient.OutcomeUnknownError{Err: errors.New("reset")}); err == nil || !strings.Contains(err.Error(), "nevertheless") {
		t.Error(err)
	}
	if err := ask("unsent", &wxclient.NotSentError{Err: errors.New("no route")}); err == nil {
		t.Error("no error")
	}
	if err := ask("running", &wxclient.Error{Code: 89249}); err == nil || !strings.Contains(err.Error(), "already waiting") {
		t.Error(err)
	}
	if err := ask("bad", nil); err != nil {
		t.Error(err)
	}
	if _, words := b.creations(); words != "enterprise bad waiting; enterprise lost waiting; enterprise refused refused; enterprise running waiting; enterprise unsent refused; " {
		t.Error(words)
	}
	b.ended(fleet.CreationEnd{Kind: apps.KindEnterprise, ID: "bad", Status: 103, Text: "name", At: b.Now()})
	list, _ := b.creations()
	for _, r := range list {
		if want := map[string]string{
			"bad": "the legal person's name is not the register's: check it", "refused": "the legal person's name is not the one of that WeChat id: check both",
		}[r.ID]; want != "" && r.Next != want {
			t.Errorf("%s: next %q, want %q", r.ID, r.Next, want)
		}
	}
	b.Advance(time.Hour)
	if err := ask("bad", nil); err != nil {
		t.Error(err)
	}
	if list, _ = b.creations(); list[0].ID != "bad" || list[0].State != apps.CreationWaiting || list[0].Status != 0 || list[0].Text != "" {
		t.Errorf("asked for once more: %+v", list[0])
	}
	if waiting, err := b.Fleet.Creations(b.Ctx, true); err != nil || len(waiting) != 3 {
		t.Errorf("waiting %+v %v", waiting, err)
	}
	b.ended(fleet.CreationEnd{Kind: apps.KindEnterprise, Status: -1, Text: "open verity failed", At: b.Now()}) // of no creation
	if _, words := b.creations(); !strings.Contains(words, fmt.Sprintf("enterprise unknown-%d refused", b.Now().Unix())) {
		t.Error(words)
	}
	invalid := company("x")
	invalid.LegalName = ""
	if _, err := b.Fleet.CreateEnterprise(b.Ctx, invalid, ""); !errors.As(err, new(*wxclient.InvalidRequestError)) {
		t.Error(err)
	}
	if _, words := b.creations(); strings.Contains(words, "enterprise x") {
		t.Error("what was never asked is noted")
	}
}

// TestConvertTrial needs the identity card's number, and stores it nowhere.
func TestConvertTrial(t *testing.T) {
	t.Parallel()
	b := mini(t)
	e := company("91")
	if _, err := b.Fleet.ConvertTrial(b.Ctx, "wxtrial", e, ""); err != nil {
		t.Fatal(err)
	}
	e.LegalIDCard = ""
	if _, err := b.Fleet.ConvertTrial(b.Ctx, "wxtrial", e, ""); !errors.As(err, new(*wxclient.InvalidRequestError)) {
		t.Error(err)
	}
	b.ended(fleet.CreationEnd{Kind: apps.KindConversion, ID: "wxtrial", AppID: "wxtrial", At: b.Now()})
	stored, err := b.Redis.HGetAll(b.Ctx, "wxr:{apps}:creations").Result()
	if err != nil || strings.Contains(fmt.Sprint(stored), "4403") {
		t.Errorf("stored %v %v", stored, err)
	}
	if list, _ := b.creations(); list[0].State != apps.CreationDone || !strings.Contains(list[0].Next, "rename") {
		t.Errorf("%+v", list)
	}
}

package apps

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// readPass reads a list in one pass; page answers the rows from an offset on and the total.
func readPass(l Listing, page func(offset int) (rows []int, total int)) (Listing, map[int]bool) {
	seen := map[int]bool{}
	for l.More() {
		rows, total := page(l.Offset)
		fresh := 0
		for _, id := range rows {
			if !seen[id] {
				seen[id] = true
				fresh++
			}
		}
		l = l.Took(total, len(rows), fresh)
	}
	return l, seen
}

// A pass that lacks nothing saw every app of a list that stood still, with any lengths of its pages;
// and with pages that are never empty it lacks nothing.
func TestListingSeesAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		apps := rapid.IntRange(0, 60).Draw(t, "apps")
		reported := apps + rapid.SampledFrom([]int{0, 0, 1, 7}).Draw(t, "reported besides")
		empty := rapid.SliceOfN(rapid.Bool(), 200, 200).Draw(t, "empty pages")
		asked, anyEmpty := 0, false
		l, seen := readPass(Listing{}, func(offset int) ([]int, int) {
			asked++
			length := rapid.IntRange(1, 10).Draw(t, "length")
			if asked < len(empty) && empty[asked] {
				length, anyEmpty = 0, true
			}
			var rows []int
			for id := offset; id < min(offset+length, apps); id++ {
				rows = append(rows, id)
			}
			return rows, reported
		})
		if asked > 4*apps+8 {
			t.Fatalf("%d pages for %d apps", asked, apps)
		}
		if lack := l.Lack(); lack == "" && len(seen) != reported {
			t.Fatalf("%d of %d apps pass for all", len(seen), reported)
		} else if lack != "" && reported == apps && !anyEmpty {
			t.Fatalf("read to its end, and lacks: %s", lack)
		} else if lack != "" && !strings.HasPrefix(lack, "WeChat listed ") {
			t.Fatal(lack)
		}
	})
}

// Apps that come and go during a pass are noticed by the total, or by the count.
func TestListingNoticesMoves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := make([]int, 40)
		for i := range list {
			list[i] = i
		}
		stays := slices.Clone(list)
		asked := 0
		l, seen := readPass(Listing{}, func(offset int) ([]int, int) {
			if asked++; asked > 1 && len(list) > 0 && rapid.IntRange(0, 2).Draw(t, "one leaves") == 0 {
				at := rapid.IntRange(0, len(list)-1).Draw(t, "which")
				gone := list[at]
				stays = slices.DeleteFunc(stays, func(id int) bool { return id == gone })
				list = slices.Delete(slices.Clone(list), at, at+1)
			}
			return list[min(offset, len(list)):min(offset+10, len(list))], len(list)
		})
		for _, id := range stays {
			if !seen[id] && l.Lack() == "" {
				t.Fatalf("app %d was passed by, and nothing is lacking", id)
			}
		}
	})
}

// There are three passes, and each begins again.
func TestListingPasses(t *testing.T) {
	t.Parallel()
	l := Listing{}.Took(5, 5, 5)
	n := 1
	for ; !l.Last(); n++ {
		if l = l.Again(); !l.More() || l.Offset+l.Rows+l.Seen+l.Idle+l.Total != 0 || l.Moved {
			t.Errorf("%+v", l)
		}
	}
	if n != listingPasses {
		t.Errorf("%d passes", n)
	}
}

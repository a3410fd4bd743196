package chhosttest

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chhost/chhost/guest-sdk/go/internal/double"
)

// TestRowsFollowTheContract compares what each callback may ask for with the
// listing of the contract.
func TestRowsFollowTheContract(t *testing.T) {
	listing, err := os.ReadFile(filepath.FromSlash("../../../abi/testdata/v1.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[double.Callback][]string{}
	for _, m := range regexp.MustCompile(`(?m)^row (\S+) returns .* calls \[(.*)\]$`).FindAllStringSubmatch(string(listing), -1) {
		if m[1] == "setup" || m[1] == "ch_idle" {
			continue // nothing is called for a channel
		}
		calls := slices.DeleteFunc(strings.Fields(m[2]), func(name string) bool { return name == "log" || name == "config_get" })
		slices.Sort(calls)
		want[double.Callback(m[1])] = calls
	}
	if len(want) < 8 {
		t.Fatalf("the listing has the rows %v: that cannot be all", want)
	}
	got := map[double.Callback][]string{}
	for callback, kinds := range allowed {
		for _, k := range kinds {
			name, _, _ := strings.Cut(string(k), " ") // ok and error are one import
			got[callback] = append(got[callback], name)
		}
		slices.Sort(got[callback])
		got[callback] = slices.Compact(got[callback])
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("callbacks may ask for\n%v\nthe contract says\n%v", got, want)
	}
}

package router_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/router"
)

// table builds a table whose targets are the positions of the routes.
func table(t testing.TB, patterns ...string) *router.Table[int] {
	t.Helper()
	routes := make([]router.Route[int], len(patterns))
	for i, p := range patterns {
		routes[i] = router.Route[int]{Pattern: p, Target: i}
	}
	tab, err := router.New(routes)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// linear is what Match means, word for word: the first route that matches.
func linear(patterns []string, topic string) (int, bool) {
	for i, p := range patterns {
		if text, wild := strings.CutSuffix(p, "*"); wild && strings.HasPrefix(topic, text) || topic == p && !wild {
			return i, true
		}
	}
	return 0, false
}

func checkMatch(t *testing.T, tab *router.Table[int], patterns []string, topic string) {
	t.Helper()
	got, ok := tab.Match(topic)
	want, wantOK := linear(patterns, topic)
	if got != want || ok != wantOK {
		t.Errorf("patterns %q, topic %q: got %d, %v, want %d, %v", patterns, topic, got, ok, want, wantOK)
	}
}

func TestMatch(t *testing.T) {
	tests := []struct {
		patterns string // separated by spaces
		topic    string
		want     int // -1: no match
	}{
		{"", "rooms:lobby", -1},
		{"rooms:lobby", "rooms:lobby", 0},
		{"rooms:lobby", "rooms:lobby2", -1},
		{"rooms:lobby", "rooms:", -1},
		{"sample_topic:*", "sample_topic:pizza", 0}, // the guide's example
		{"sample_topic:*", "sample_topic:oranges", 0},
		{"foods:*", "foods:", 0}, // as in Phoenix: the rest may be empty
		{"foods:*", "foods", -1},
		{"foods:*", "food:all", -1},
		{"foods:*", "foods:*", 0}, // a client's * is a character like any other
		{"foo*", "foods:all", 0},
		{"*", "anything", 0},
		{"*", "", 0},
		{"foods:all foods:*", "foods:all", 0},
		{"foods:all foods:*", "foods:fruit", 1},
		{"foods:* foods:all", "foods:all", 0},
		{"a:b:* a:* *", "a:b:c", 0},
		{"a:b:* a:* *", "a:c", 1},
		{"a:b:* a:* *", "b", 2},
		{"a:* a:b:*", "a:b:c", 0},
		{"a:b* a:c* a:*", "a:bz", 0},
		{"a:b* a:c* a:*", "a:d", 2},
		{"ü* *", "über", 0},
	}
	for _, tt := range tests {
		patterns := strings.Fields(tt.patterns)
		got, ok := table(t, patterns...).Match(tt.topic)
		if !ok {
			got = -1
		}
		if got != tt.want {
			t.Errorf("%q, topic %q: got %d, want %d", tt.patterns, tt.topic, got, tt.want)
		}
	}
}

func TestZeroTable(t *testing.T) {
	var tab router.Table[string]
	if target, ok := tab.Match("rooms:lobby"); ok {
		t.Errorf("the zero Table matched: %q", target)
	}
	if s := tab.Shadowed(); len(s) != 0 {
		t.Errorf("the zero Table has shadowed routes: %v", s)
	}
}

func TestBadPatterns(t *testing.T) {
	long := strings.Repeat("x", 256)
	tests := []struct{ pattern, want string }{
		{"", `router: pattern "" must not be empty; to match every topic write "*"`},
		{"a*b", `router: pattern "a*b" must not contain "*" anywhere but at its end`},
		{"**", `router: pattern "**" must not contain "*" anywhere but at its end`},
		{"*:lobby", `router: pattern "*:lobby" must not contain "*" anywhere but at its end`},
		{"rooms:*:*", `router: pattern "rooms:*:*" must not contain "*" anywhere but at its end`},
		{long, `router: pattern "` + long[:64] + `"... must not be longer than 255 bytes, this one has 256`},
		{"a\xff", `router: pattern "a\xff" must be valid UTF-8`},
		{"a\nb", `router: pattern "a\nb" must not contain control characters (U+0000 to U+001F, U+007F)`},
		{"a\x7f", `router: pattern "a\x7f" must not contain control characters (U+0000 to U+001F, U+007F)`},
	}
	var routes []router.Route[string]
	var all []string
	for _, tt := range tests {
		tab, err := router.New([]router.Route[string]{{Pattern: tt.pattern}})
		if tab != nil || err == nil || err.Error() != tt.want {
			t.Errorf("%q: got error %v, want %s", tt.pattern, err, tt.want)
		}
		routes = append(routes, router.Route[string]{Pattern: "fine:*"}, router.Route[string]{Pattern: tt.pattern})
		all = append(all, tt.want)
	}

	_, err := router.New(routes)
	if err == nil || err.Error() != strings.Join(all, "\n") {
		t.Errorf("all at once: got\n%v\nwant\n%s", err, strings.Join(all, "\n"))
	}
	var pe *router.PatternError
	if !errors.As(err, &pe) || pe.Index != 1 || pe.Pattern != "" {
		t.Errorf("the first error is %+v, want that of route 1", pe)
	}

	for _, p := range []string{long[:255], long[:254] + "*", "a b", "\u0085"} {
		if _, err := router.New([]router.Route[int]{{Pattern: p}}); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
}

func TestShadowed(t *testing.T) {
	tab := table(t, "a:b", "a:*", "a:b", "a:c", "a:d:*", "b", "b", "c*", "c*", "*", "z")
	want := []router.Shadow{
		{Index: 2, Pattern: "a:b", By: "a:b"},
		{Index: 3, Pattern: "a:c", By: "a:*"},
		{Index: 4, Pattern: "a:d:*", By: "a:*"},
		{Index: 6, Pattern: "b", By: "b"},
		{Index: 8, Pattern: "c*", By: "c*"},
		{Index: 10, Pattern: "z", By: "*"},
	}
	got := tab.Shadowed()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	got[0].By = "changed"
	if tab.Shadowed()[0].By == "changed" {
		t.Error("the caller's slice is the table's own")
	}
	// Neither of two narrower routes hides the wider one after them.
	if s := table(t, "a:b", "a:b:*", "a:*", "*").Shadowed(); len(s) != 0 {
		t.Errorf("reachable routes are reported: %+v", s)
	}
}

// TestRandomTables holds the index against the linear search on tables whose
// patterns overlap as much as possible.
func TestRandomTables(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	word := func(most int) string {
		b := make([]byte, rng.IntN(most+1))
		for i := range b {
			b[i] = "ab:"[rng.IntN(3)]
		}
		return string(b)
	}
	for range 2000 {
		var patterns []string
		for range rng.IntN(40) {
			p := word(6)
			if p == "" || rng.IntN(2) == 0 {
				p += "*"
			}
			patterns = append(patterns, p)
		}
		tab := table(t, patterns...)
		reached := make(map[int]bool)
		for range 200 {
			topic := word(8)
			checkMatch(t, tab, patterns, topic)
			if i, ok := linear(patterns, topic); ok {
				reached[i] = true
			}
		}
		for _, s := range tab.Shadowed() {
			if reached[s.Index] {
				t.Fatalf("patterns %q: %q is said to be hidden by %q, but was reached", patterns, s.Pattern, s.By)
			}
		}
		if t.Failed() {
			return
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	tab := table(t, manyPatterns(1000)...)
	topics := []string{"plugin500:room", "exact77", "nowhere"}
	if n := testing.AllocsPerRun(100, func() {
		for _, topic := range topics {
			tab.Match(topic)
		}
	}); n != 0 {
		t.Errorf("Match allocates %v times", n)
	}
}

// FuzzPatterns builds tables from any patterns, one a line: a pattern is
// refused exactly if it breaks a rule, and the rest must match as the linear
// search does; what is said to be hidden is never reached.
func FuzzPatterns(f *testing.F) {
	for _, seed := range []struct{ lines, topic string }{
		{"foods:*\nrooms:lobby\n*", "foods:all"},
		{"a*\nab*\nabc", "abc"},
		{"abc*\nab*\na*\nabcd\nb\n*", "abcd"},
		{"a:b:*\na:c:*\na:*\na:b\na:b:c", "a:b:c"},
		{"a:b*\na:c*\na:*\n*", "a:bz"},
		{"a\na*\n", "a"},
		{"*a\n\xff\n\x00", ""},
		{"\n**\na*b\n*:*\n*", "*"},
		{"ü*\nüb*\nü\n\u2028*", "über"},
		{"é\ne\u0301*\n\xc3\n\xc3*", "\xc3\xa9"},
		{strings.Repeat("x", 255) + "\n" + strings.Repeat("x", 256) + "\n" + strings.Repeat("x", 254) + "*", strings.Repeat("x", 255)},
		{strings.Join(manyPatterns(20), "\n"), "plugin7:room"},
	} {
		f.Add(seed.lines, seed.topic)
	}
	f.Fuzz(func(t *testing.T, lines, topic string) {
		patterns := strings.Split(lines, "\n")
		var good []string
		var routes []router.Route[int]
		for i, p := range patterns {
			routes = append(routes, router.Route[int]{Pattern: p, Target: i})
			if p != "" && len(p) <= 255 && strings.ToValidUTF8(p, "") == p && !strings.ContainsAny(p, controls) &&
				!strings.Contains(strings.TrimSuffix(p, "*"), "*") {
				good = append(good, p)
			}
		}
		_, err := router.New(routes)
		if bad := len(patterns) - len(good); bad > 0 {
			joined, ok := err.(interface{ Unwrap() []error })
			if !ok || len(joined.Unwrap()) != bad {
				t.Fatalf("%q: %d patterns are bad, the error is %v", patterns, bad, err)
			}
		} else if err != nil {
			t.Fatalf("%q: %v", patterns, err)
		}
		checkTable(t, good, topic)
	})
}

// checkTable asks a table for topic, and for every topic that is near one of its
// patterns.
func checkTable(t *testing.T, patterns []string, topic string) {
	t.Helper()
	tab := table(t, patterns...)
	topics := []string{topic, ""}
	for _, p := range patterns {
		text := strings.TrimSuffix(p, "*")
		topics = append(topics, p, text, text+topic, text[:len(text)/2], text[:len(text)/2]+topic)
	}
	reached := make(map[int]bool)
	for _, topic := range topics {
		checkMatch(t, tab, patterns, topic)
		if i, ok := tab.Match(topic); ok {
			reached[i] = true
		}
	}
	hidden := make(map[int]bool)
	for _, s := range tab.Shadowed() {
		if hidden[s.Index] = true; reached[s.Index] || s.Pattern != patterns[s.Index] {
			t.Errorf("patterns %q: %q is said to be hidden by %q", patterns, s.Pattern, s.By)
		}
	}
	// A route that is not hidden is reached by its own text, or, if that belongs to
	// a narrower one, by some topic that only it matches.
	for i, p := range patterns {
		text, wild := strings.CutSuffix(p, "*")
		if !hidden[i] && !reached[i] && (!wild || firstOf(tab, text) != i) {
			t.Errorf("patterns %q: %q is never reached, and not said to be hidden", patterns, p)
		}
	}
}

// firstOf is the route of a topic that starts with text and goes on as no
// pattern does.
func firstOf(tab *router.Table[int], text string) int {
	i, _ := tab.Match(text + "\x00")
	return i
}

const controls = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f" +
	"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f"

func manyPatterns(n int) []string {
	var patterns []string
	for i := range n {
		patterns = append(patterns, fmt.Sprintf("exact%d", i), fmt.Sprintf("plugin%d:*", i))
	}
	return patterns
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{1, 10, 1000, 100000} {
		tab := table(b, manyPatterns(n)...)
		for _, topic := range []string{fmt.Sprintf("exact%d", n/2), fmt.Sprintf("plugin%d:room", n/2), "nowhere"} {
			b.Run(fmt.Sprintf("routes=%d/%s", 2*n, topic), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					tab.Match(topic)
				}
			})
		}
	}
}

func ExampleNew() {
	routes, err := router.New([]router.Route[string]{
		{Pattern: "foods:all", Target: "menu"},
		{Pattern: "foods:*", Target: "foods"},
		{Pattern: "rooms:lobby", Target: "chat"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, topic := range []string{"foods:all", "foods:pizza", "rooms:lobby", "rooms:cellar"} {
		target, ok := routes.Match(topic)
		fmt.Printf("%s %q %v\n", topic, target, ok)
	}
	// Output:
	// foods:all "menu" true
	// foods:pizza "foods" true
	// rooms:lobby "chat" true
	// rooms:cellar "" false
}

package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/chhost/chhost/host/registry"
)

// plugin is one with versions 1 to n.
func plugin(n int) *registry.Plugin {
	t := &registry.Tenant{Name: "acme"}
	for i := range n {
		t.AddVersion("food", registry.Version{Digest: registry.DigestOf(fmt.Append(nil, i))})
	}
	return t.AddPlugin("food")
}

// deploy makes versions active one after the other; a negative one is a roll-back.
func deploy(t *testing.T, p *registry.Plugin, seqs ...int) {
	t.Helper()
	for _, seq := range seqs {
		strategy := "immediate"
		if seq < 0 {
			seq, strategy = -seq, registry.StrategyRollback
		}
		if err := p.SetActive(registry.Deploy{Seq: seq, Strategy: strategy}); err != nil {
			t.Fatal(err)
		}
	}
}

func seqs(versions []registry.Version) []int {
	got := []int{}
	for _, v := range versions {
		got = append(got, v.Seq)
	}
	return got
}

func TestAddVersion(t *testing.T) {
	tenant := &registry.Tenant{Name: "acme"}
	if tenant.Plugin("food") != nil {
		t.Fatal("a plugin that nobody has added")
	}
	d := registry.DigestOf([]byte("x"))
	if v := tenant.AddVersion("food", registry.Version{Seq: 7, Digest: d}); v.Seq != 1 || v.Digest != d {
		t.Errorf("the first version is %+v", v)
	}
	tenant.AddVersion("chat", registry.Version{Digest: d})
	if v := tenant.AddVersion("food", registry.Version{Digest: d}); v.Seq != 2 {
		t.Errorf("the second version has number %d", v.Seq)
	}
	p := tenant.Plugin("food")
	deploy(t, p, 1)
	if out := p.Retain(0); len(out) != 1 || out[0].Seq != 2 {
		t.Fatalf("left out: %v", seqs(out))
	}
	if v := tenant.AddVersion("food", registry.Version{Digest: d}); v.Seq != 3 {
		t.Errorf("the number %d was given, 2 was already", v.Seq)
	}
	if _, ok := p.Version(2); ok {
		t.Error("version 2 was left out and is there")
	}
	if v, ok := p.Version(3); !ok || v.Seq != 3 {
		t.Errorf("version 3: %v, %v", v, ok)
	}
	if len(tenant.Plugins) != 2 {
		t.Errorf("%d plugins", len(tenant.Plugins))
	}
}

func TestSetActive(t *testing.T) {
	p := plugin(3)
	deploy(t, p, 1)
	if err := p.SetCanary(3, 20); err != nil || p.Canary != 3 || p.Percent != 20 {
		t.Fatalf("canary %d at %d%%: %v", p.Canary, p.Percent, err)
	}
	deploy(t, p, 2)
	last := p.Deploys[len(p.Deploys)-1]
	if p.Active != 2 || p.Canary != 0 || p.Percent != 0 || last.Seq != 2 || last.Previous != 1 || last.At.IsZero() {
		t.Errorf("after a deploy of 2: %+v", p)
	}
	for _, err := range []error{p.SetActive(registry.Deploy{Seq: 4}), p.SetActive(registry.Deploy{}), p.SetCanary(4, 1)} {
		if !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("a version that is not there: %v", err)
		}
	}
	if err := p.SetCanary(0, 0); err != nil {
		t.Error(err)
	}
	for range registry.MaxDeploys {
		deploy(t, p, 1, 2)
	}
	if n := len(p.Deploys); n != registry.MaxDeploys {
		t.Errorf("%d deploys are kept", n)
	}
	for i, d := range p.Deploys[1:] {
		if d.Previous != p.Deploys[i].Seq {
			t.Fatalf("the history is no line at %d: %+v", i, d)
		}
	}
}

func TestPrevious(t *testing.T) {
	for _, c := range []struct {
		deploys []int
		want    int
	}{
		{nil, 0},
		{[]int{1}, 0},
		{[]int{1, 1}, 0},
		{[]int{1, 2}, 1},
		{[]int{2, 1}, 2},
		{[]int{1, 2, 2}, 1},
		{[]int{1, 2, 3}, 2},
		{[]int{1, 2, 3, -2}, 1},
		{[]int{1, 2, 3, -2, -1}, 0},
		{[]int{1, 2, 3, -2, 3}, 2},
		{[]int{1, 2, 3, -2, 4}, 2},
		{[]int{1, 2, 3, -2, 4, -2}, 1},
		{[]int{1, 2, 1}, 2},
		{[]int{1, 2, 3, -1}, 0}, // back to a version of the caller's choice
		{[]int{1, 3, -2}, 3},    // which was never active before: a deploy as any other
	} {
		p := plugin(4)
		deploy(t, p, c.deploys...)
		if v, ok := p.Previous(); v.Seq != c.want || ok != (c.want != 0) {
			t.Errorf("after %v a roll-back goes to %d, %v; want %d", c.deploys, v.Seq, ok, c.want)
		}
	}
}

// TestPreviousIsKept: what was left out is passed over, and what the record no longer
// tells is told by the oldest entry.
func TestPreviousIsKept(t *testing.T) {
	p := plugin(3)
	deploy(t, p, 1, 2, 3)
	p.Versions = slices.Delete(p.Versions, 1, 2)
	if v, _ := p.Previous(); v.Seq != 1 {
		t.Errorf("a roll-back goes to %d", v.Seq)
	}
	p.Deploys = p.Deploys[1:]
	if v, _ := p.Previous(); v.Seq != 1 {
		t.Errorf("a roll-back goes to %d", v.Seq)
	}
}

func TestRetain(t *testing.T) {
	for _, c := range []struct {
		name           string
		versions, keep int
		edit           func(p *registry.Plugin)
		want           []int
	}{
		{"none", 0, 20, nil, []int{}},
		{"fewer than are kept", 3, 20, nil, []int{1, 2, 3}},
		{"the newest", 5, 2, nil, []int{4, 5}},
		{"a negative number", 3, -1, nil, []int{}},
		{"pinned", 5, 2, func(p *registry.Plugin) { p.Versions[1].Pinned = true }, []int{2, 4, 5}},
		{"active", 5, 2, func(p *registry.Plugin) { deploy(t, p, 2) }, []int{2, 4, 5}},
		{"canary", 5, 1, func(p *registry.Plugin) { _ = p.SetCanary(3, 50) }, []int{3, 5}},
		{"the previous three", 9, 1, func(p *registry.Plugin) { deploy(t, p, 1, 2, 3, 4, 5) }, []int{2, 3, 4, 5, 9}},
		{"the previous three, each once", 9, 0, func(p *registry.Plugin) { deploy(t, p, 1, 2, 3, 2, 3, 2, 5) }, []int{1, 2, 3, 5}},
		{"not what a roll-back has left", 5, 0, func(p *registry.Plugin) { deploy(t, p, 1, 2, 3, -2) }, []int{1, 2}},
		{"twenty", 30, registry.Kept, func(p *registry.Plugin) { deploy(t, p, 1) }, append([]int{1}, count(11, 30)...)},
	} {
		p := plugin(c.versions)
		if c.edit != nil {
			c.edit(p)
		}
		all := seqs(p.Versions)
		out := seqs(p.Retain(c.keep))
		if got := seqs(p.Versions); !slices.Equal(got, c.want) {
			t.Errorf("%s: kept %v, want %v", c.name, got, c.want)
		}
		if both := append(out, seqs(p.Versions)...); len(both) != len(all) || slices.ContainsFunc(all, func(seq int) bool { return !slices.Contains(both, seq) }) {
			t.Errorf("%s: left out %v of %v", c.name, out, all)
		}
		if p.Last != c.versions {
			t.Errorf("%s: the last number is %d", c.name, p.Last)
		}
	}
}

func count(from, to int) (s []int) {
	for ; from <= to; from++ {
		s = append(s, from)
	}
	return s
}

func TestDigests(t *testing.T) {
	d := registry.DigestOf([]byte("abc"))
	const text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if d.String() != text || d.Short() != text[:8] {
		t.Errorf("%s, %s", d, d.Short())
	}
	if back, err := registry.ParseDigest(text); err != nil || back != d {
		t.Errorf("%s: %v", back, err)
	}
	for _, s := range []string{"", text[1:], text + "0", "../../" + text[6:], text[:63] + "g"} {
		if back, err := registry.ParseDigest(s); err == nil || back != (registry.Digest{}) {
			t.Errorf("%q is the digest %s", s, back)
		}
	}
}

package registry

import (
	"fmt"
	"slices"
	"time"
)

// The methods of this file edit a record that is the caller's, such as the one that
// Apply is given. They store nothing.

// Kept is how many versions of a plugin are kept besides those that are needed.
const Kept = 20

// rollbacks is for how many roll-backs in a row the versions are kept.
const rollbacks = 3

// StrategyRollback is the strategy of a deploy that goes back. It undoes the deploy
// before it, so that the next one goes back further, and not to what was left.
const StrategyRollback = "rollback"

// Plugin returns the plugin of a name, to be read or edited, or nil. It is valid until
// a plugin is added.
func (t *Tenant) Plugin(name string) *Plugin {
	for i := range t.Plugins {
		if t.Plugins[i].Name == name {
			return &t.Plugins[i]
		}
	}
	return nil
}

// AddPlugin returns the plugin of a name, and makes it if there is none.
func (t *Tenant) AddPlugin(name string) *Plugin {
	if p := t.Plugin(name); p != nil {
		return p
	}
	t.Plugins = append(t.Plugins, Plugin{Name: name})
	return &t.Plugins[len(t.Plugins)-1]
}

// AddVersion adds an upload to a plugin, which it makes if there is none, and returns
// it with the number that it has got.
func (t *Tenant) AddVersion(plugin string, v Version) Version {
	p := t.AddPlugin(plugin)
	p.Last++
	v.Seq = p.Last
	p.Versions = append(p.Versions, v)
	return v
}

// Version returns a version that is kept.
func (p *Plugin) Version(seq int) (Version, bool) {
	i, ok := slices.BinarySearchFunc(p.Versions, seq, func(v Version, seq int) int { return v.Seq - seq })
	if !ok {
		return Version{}, false
	}
	return p.Versions[i], true
}

// SetActive makes d.Seq the active version and writes d into the history. It fills in
// Previous, and At if it is zero. A canary ends. A version that is not kept is
// ErrNotFound.
func (p *Plugin) SetActive(d Deploy) error {
	if _, ok := p.Version(d.Seq); !ok {
		return p.missing(d.Seq)
	}
	d.Previous = p.Active
	if d.At.IsZero() {
		d.At = time.Now().UTC()
	}
	p.Active, p.Canary, p.Percent = d.Seq, 0, 0
	p.Deploys = append(p.Deploys, d)
	if more := len(p.Deploys) - MaxDeploys; more > 0 {
		p.Deploys = slices.Delete(p.Deploys, 0, more)
	}
	return nil
}

// SetCanary sends percent of the topics to a version that is kept; a percent of 0 ends
// the canary. A version that is not kept is ErrNotFound.
func (p *Plugin) SetCanary(seq, percent int) error {
	if percent == 0 {
		p.Canary, p.Percent = 0, 0
		return nil
	}
	if _, ok := p.Version(seq); !ok {
		return p.missing(seq)
	}
	p.Canary, p.Percent = seq, percent
	return nil
}

func (p *Plugin) missing(seq int) error {
	return fmt.Errorf("%w: %s has no version %d", ErrNotFound, p.Name, seq)
}

// Previous returns what a roll-back goes to: the version that was active before the
// active one was deployed, and is kept. After a roll-back it is the one before that.
func (p *Plugin) Previous() (Version, bool) {
	for _, seq := range p.before() {
		if v, ok := p.Version(seq); ok {
			return v, true
		}
	}
	return Version{}, false
}

// before lists what roll-backs go to, one after the other. A version may be in it
// twice, and may be kept no more.
func (p *Plugin) before() []int {
	var line []int
	for _, d := range p.Deploys {
		if len(line) == 0 && d.Previous != 0 {
			line = append(line, d.Previous) // older entries were left out
		}
		if d.Strategy == StrategyRollback {
			if i := lastIndex(line, d.Seq); i >= 0 {
				line = line[:i+1]
				continue
			}
		}
		if len(line) == 0 || line[len(line)-1] != d.Seq {
			line = append(line, d.Seq)
		}
	}
	slices.Reverse(line)
	if len(line) > 0 && line[0] == p.Active {
		line = line[1:]
	}
	return slices.DeleteFunc(line, func(seq int) bool { return seq == p.Active })
}

func lastIndex(s []int, v int) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == v {
			return i
		}
	}
	return -1
}

// Retain leaves out old versions and returns them, oldest first. It keeps the newest
// ones, as many as keep says (see [Kept]), and whatever their age those that are
// pinned, the active one, the canary, and what the next three roll-backs go to.
func (p *Plugin) Retain(keep int) []Version {
	needed := map[int]bool{p.Active: true, p.Canary: true}
	left := rollbacks
	for _, seq := range p.before() {
		if _, ok := p.Version(seq); ok && !needed[seq] && left > 0 {
			needed[seq] = true
			left--
		}
	}
	old := len(p.Versions) - max(keep, 0)
	var kept, out []Version
	for i, v := range p.Versions {
		if i >= old || v.Pinned || needed[v.Seq] {
			kept = append(kept, v)
		} else {
			out = append(out, v)
		}
	}
	p.Versions = kept
	return out
}

// digests are the modules that the record names.
func (t *Tenant) digests() map[Digest]struct{} {
	set := map[Digest]struct{}{}
	for _, p := range t.Plugins {
		for _, v := range p.Versions {
			set[v.Digest] = struct{}{}
		}
	}
	return set
}

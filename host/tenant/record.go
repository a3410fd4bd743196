package tenant

import (
	"time"

	"github.com/chhost/chhost/host/registry"
)

// This file holds what changes do to a record.

// pluginOf returns a plugin of the record, or nil.
func pluginOf(r *registry.Tenant, name string) *registry.Plugin {
	for i := range r.Plugins {
		if r.Plugins[i].Name == name {
			return &r.Plugins[i]
		}
	}
	return nil
}

// versionOf returns a version of a plugin, or nil.
func versionOf(p *registry.Plugin, seq int) *registry.Version {
	for i := range p.Versions {
		if p.Versions[i].Seq == seq {
			return &p.Versions[i]
		}
	}
	return nil
}

// known returns the newest version that is this module, or nil.
func known(p *registry.Plugin, d registry.Digest) *registry.Version {
	if p == nil {
		return nil
	}
	for i := len(p.Versions) - 1; i >= 0; i-- {
		if p.Versions[i].Digest == d {
			return &p.Versions[i]
		}
	}
	return nil
}

// addVersion gives a version the next number, and adds it.
func addVersion(r *registry.Tenant, plugin string, v registry.Version) registry.Version {
	p := pluginOf(r, plugin)
	if p == nil {
		r.Plugins = append(r.Plugins, registry.Plugin{Name: plugin})
		p = &r.Plugins[len(r.Plugins)-1]
	}
	p.Last++
	v.Seq = p.Last
	p.Versions = append(p.Versions, v)
	return v
}

// activate makes a version the active one, and writes it into the history.
func activate(p *registry.Plugin, seq int, by, strategy, reason string) {
	p.Deploys = append(p.Deploys, registry.Deploy{At: time.Now(), By: by, Seq: seq, Previous: p.Active, Strategy: strategy, Reason: reason})
	if over := len(p.Deploys) - registry.MaxDeploys; over > 0 {
		p.Deploys = append([]registry.Deploy(nil), p.Deploys[over:]...)
	}
	p.Active, p.Canary, p.Percent = seq, 0, 0
}

// previous is the version that a roll back goes to: the one that was active before the
// active one became so, as the history has it. 0: there is none that is still stored.
func previous(p *registry.Plugin) int {
	at := p.Active
	for i := len(p.Deploys) - 1; i >= 0; i-- {
		d := p.Deploys[i]
		if d.Seq != at || d.Strategy == strategyBack {
			continue
		}
		if d.Previous != 0 && versionOf(p, d.Previous) != nil {
			return d.Previous
		}
		return 0
	}
	return 0
}

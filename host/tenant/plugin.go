package tenant

import (
	"hash/fnv"
	"io"
	"sync"
	"sync/atomic"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/wasm"
)

// plugin is what serves one plugin of a tenant. Topics are served by what is in
// serving; all else belongs to who has the tenant's turn.
type plugin struct {
	tenant   *Tenant
	name     string
	settings map[string]string
	serving  atomic.Pointer[serving] // nil: nothing was deployed

	mu       sync.Mutex // of versions, for those who do not have the turn
	versions map[int]*version
	// live are the editions that nothing has succeeded, but for the active one: those
	// that new joins do not come to any more.
	live []*edition
}

// serving is what new joins come to.
type serving struct {
	active *edition
	canary *edition // nil: there is none
	// percent of the topics are the canary's.
	percent int
}

// of returns the handler of a topic.
func (s *serving) of(tenant, topic string) *edition {
	if s.canary != nil && share(tenant, topic) < s.percent {
		return s.canary
	}
	return s.active
}

// share places a topic among a hundred parts. It is the same on all nodes and for
// good: a topic that is a canary's stays so when the canary's part grows.
func share(tenant, topic string) int {
	h := fnv.New64a()
	_, _ = io.WriteString(h, tenant)
	_, _ = h.Write([]byte{0}) // which is in no tenant's name
	_, _ = io.WriteString(h, topic)
	sum := h.Sum64()
	sum ^= sum >> 32 // the last bytes of a topic have not come to the upper half
	return int(sum % 100)
}

// route returns the handler of a topic, if anything was deployed.
func (p *plugin) route(topic string) (channel.Handler, bool) {
	s := p.serving.Load()
	if s == nil {
		return nil, false
	}
	return s.of(p.tenant.name, topic), true
}

// module is what the engine makes a version of a plugin of.
func (t *Tenant) module(plugin string, seq int, binary []byte, settings map[string]string) wasm.Module {
	return wasm.Module{Name: plugin, Seq: seq, Tenant: t.name, Binary: binary, Settings: settings, Limits: t.pluginLimits()}
}

// adopt makes the plugin's versions those of its record.
func (p *plugin) adopt(record *registry.Plugin) {
	versions := make(map[int]*version, len(record.Versions))
	for _, stored := range record.Versions {
		v := p.versions[stored.Seq]
		if v == nil {
			v = newVersion(p, stored)
		}
		versions[stored.Seq] = v
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.versions, p.settings = versions, record.Settings
}

// config is what the versions read by config_get.
func (p *plugin) config() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.settings
}

// version returns a stored version, or nil.
func (p *plugin) version(seq int) *version {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.versions[seq]
}

// edition returns what serves a version of the record: the one that does already, or
// a new one.
func (p *plugin) edition(seq int) *edition {
	if s := p.serving.Load(); s != nil {
		switch {
		case s.active.stored.Seq == seq:
			return s.active
		case s.canary != nil && s.canary.stored.Seq == seq:
			return s.canary
		}
	}
	v := p.version(seq)
	if v == nil {
		return nil // a record that names what it does not have
	}
	return &edition{v}
}

// serve lets joins come to what the record names.
func (p *plugin) serve(record *registry.Plugin) {
	next := &serving{active: p.edition(record.Active)}
	if next.active == nil {
		return // nothing was deployed
	}
	if record.Canary != 0 {
		next.canary, next.percent = p.edition(record.Canary), record.Percent
	}
	p.serving.Store(next)
}

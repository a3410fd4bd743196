package tenant

import (
	"fmt"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/wasm"
)

// Usage is what a tenant uses on this node, and what it has used since the node
// started.
type Usage struct {
	// Connections and Topics are those of now, Memory the bytes of linear memory that
	// its plugins hold.
	Connections, Topics int
	Memory              int64
	// Frames and Bytes are what its clients have sent, SentFrames and SentBytes what
	// they were sent.
	Frames, Bytes, SentFrames, SentBytes int64
	// Published are the messages that [Tenant.Publish] sent.
	Published int64
	// Fuel is what its plugins have used.
	Fuel int64
	// Refused are clients for whom there was no place, RateLimited frames above the
	// rates, SlowClosed connections that read too slowly, Failed channels that failed.
	Refused, RateLimited, SlowClosed, Failed int64
	// Versions are those of its plugins that were served, or are.
	Versions []VersionUsage
}

// VersionUsage is what one version has used since the node started.
type VersionUsage struct {
	// Name is what logs call it, such as "foods@7".
	Name   string
	Digest string // the first 8 digits
	Loaded bool
	// Channels are those that are joined with it now.
	Channels int
	wasm.Usage
	// Quarantined: it is refused for its crashes now.
	Quarantined bool
}

// Versions lists the stored versions of a plugin, oldest first.
func (t *Tenant) Versions(plugin string) ([]VersionInfo, error) {
	record := t.Record()
	p := record.Plugin(plugin)
	if p == nil {
		return nil, fmt.Errorf("%w: the tenant %s has no plugin %q", ErrUnknown, t.name, plugin)
	}
	list := make([]VersionInfo, len(p.Versions))
	for i, v := range p.Versions {
		list[i] = t.info(plugin, v, false)
	}
	return list, nil
}

// Usage tells what the tenant uses.
func (t *Tenant) Usage() Usage {
	u := Usage{
		Connections: t.sockets.Len(), Topics: t.env.TopicCount(),
		Frames: t.counts.FramesIn.Load(), Bytes: t.counts.BytesIn.Load(), SentFrames: t.counts.FramesOut.Load(), SentBytes: t.counts.BytesOut.Load(),
		Refused: t.counts.TurnedAway.Load(), RateLimited: t.counts.RateLimited.Load(), SlowClosed: t.counts.SlowClosed.Load(), Failed: t.counts.Failed.Load(),
		Published: t.published.Load(),
	}
	if t.estate == nil {
		return u
	}
	u.Connections = int(t.places.Load()) // with those that are not open yet
	u.Memory = t.estate.dir.cfg.Engine.TenantMemory(t.name)
	channels := make(map[string]int)
	for _, topic := range t.env.Topics() {
		channels[topic.Handler] += topic.Channels
	}
	record := t.Record()
	for i := range record.Plugins {
		u.Versions = append(u.Versions, t.versionsUsage(&record.Plugins[i], channels)...)
	}
	for _, v := range u.Versions {
		u.Fuel += v.Fuel
	}
	return u
}

// versionsUsage is that of the versions of one plugin.
func (t *Tenant) versionsUsage(stored *registry.Plugin, channels map[string]int) []VersionUsage {
	p, err := t.find(stored.Name)
	if err != nil {
		return nil
	}
	var list []VersionUsage
	for _, s := range stored.Versions {
		v := p.version(s.Seq)
		if v == nil {
			continue
		}
		if u := v.usage(); u.Loaded || u.Calls > 0 {
			u.Channels = channels[u.Name]
			list = append(list, u)
		}
	}
	return list
}

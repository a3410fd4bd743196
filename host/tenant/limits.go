package tenant

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/wasm"
)

// Limit is one of the bounds that a tenant's record may set by name.
type Limit struct {
	// Name is the key in the record, Unit what its numbers count.
	Name, Unit string
	// Default is what holds if the record does not have it. 0: what the node's
	// configuration says, or no bound.
	Default int64
	// Error is the word that tells of it.
	Error string
	// Sense says what is bounded.
	Sense string
}

// Limits by name.
const (
	limitConnections = "connections"
	limitTopics      = "topics"
	limitVersions    = "versions"
	limitStored      = "stored_bytes"
	limitPlugins     = "plugins"
	limitChannels    = "channels"
	limitOutbox      = "outbox_bytes"
	limitFuelSecond  = "fuel_per_second"
	limitMemory      = "memory_bytes"
	limitGuestMemory = "instance_memory_bytes"
	limitFuel        = "callback_fuel"
	limitJoinFuel    = "join_fuel"
	limitInstances   = "instances"
	limitWait        = "wait_ms"
	limitPayload     = "payload_bytes"
	limitEffects     = "effects"
	limitAssigns     = "assigns_bytes"
	limitLogLines    = "log_lines_per_second"
	limitFrames      = "frames_per_second"
	limitBytes       = "bytes_per_second"
	limitJoins       = "joins_per_second"
	limitPublishes   = "publishes_per_second"
	limitChanges     = "changes_per_minute"
)

// mostWait is an hour in milliseconds; more would be an error that nobody sees.
const mostWait = 3_600_000

// LimitTable lists all limits that a record may set, in the order in which they are
// documented.
func LimitTable() []Limit {
	return []Limit{
		{limitConnections, "connections", 10_000, string(phx.ReasonTooManyConnections), "sockets of the tenant at a time, on each node"},
		{limitTopics, "topics", 100_000, string(phx.ReasonTooManyTopics), "topics that are joined at a time, on each node"},
		{limitChannels, "channels", 0, string(phx.ReasonTooManyChannels), "topics that one socket may join"},
		{limitOutbox, "bytes", 0, "1013", "what may wait for one client; beyond it a slow client is closed with that code"},
		{limitFrames, "frames/s", 0, string(phx.ReasonRateLimited), "what one client may send"},
		{limitBytes, "bytes/s", 0, string(phx.ReasonRateLimited), "what one client may send"},
		{limitJoins, "joins/s", 0, string(phx.ReasonTooManyJoins), "what one client may ask for"},
		{limitPublishes, "messages/s", 2000, "rate_limited", "what the tenant's servers may publish, on each node; five times as many at once"},
		{limitChanges, "changes/min", 60, "rate_limited", "what the tenant's deploy tokens may change, on each node, and try to; twice as many at once"},
		{limitFuelSecond, "fuel/s", 0, string(phx.ReasonTenantCPUExhausted), "what all plugins of the tenant may use together"},
		{limitMemory, "bytes", 0, string(wasm.LimitMemory), "linear memory of all instances of the tenant together"},
		{limitGuestMemory, "bytes", 64 << 20, string(wasm.LimitMemory), "linear memory of one instance"},
		{limitFuel, "fuel", 50_000_000, string(wasm.LimitOutOfFuel), "what one callback may use"},
		{limitJoinFuel, "fuel", 200_000_000, string(wasm.LimitOutOfFuel), "what join, connect and the start of an instance may use"},
		{limitInstances, "instances", 0, string(phx.ReasonBusy), "callbacks of one version that run at once; twice the processors unless set"},
		{limitWait, "ms", 2000, string(phx.ReasonBusy), "how long a connection, a join or an event waits for its turn at a plugin; an hour at most"},
		{limitPayload, "bytes", 320 << 10, string(phx.ReasonPayloadTooLarge), "one payload, in either direction"},
		{limitEffects, "effects", 256, "too_many_effects", "what one callback may ask for"},
		{limitAssigns, "bytes", 16 << 10, "assigns_too_large", "state of one channel"},
		{limitLogLines, "lines/s", 100, "", "what one plugin may log; the rest is counted"},
		{limitPlugins, "plugins", 100, "too_many_plugins", "plugins that are stored"},
		{limitVersions, "versions", 20, "too_many_versions", "stored versions of one plugin; older ones that nothing needs are left out first"},
		{limitStored, "bytes", 1 << 30, "too_many_bytes", "stored modules, each counted once"},
	}
}

// limitOf is a limit of the record, or its default.
func limitOf(r *registry.Tenant, name string) int64 {
	if n, ok := r.Limits[name]; ok {
		return n
	}
	for _, l := range LimitTable() {
		if l.Name == name {
			return l.Default
		}
	}
	panic("BUG: no limit is called " + name)
}

// CheckLimits returns what is wrong with limits by name.
func CheckLimits(limits map[string]int64) error {
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		if !slices.ContainsFunc(LimitTable(), func(l Limit) bool { return l.Name == name }) {
			return fmt.Errorf("%w: there is no limit %q", ErrInvalid, name)
		}
		if limits[name] <= 0 {
			return fmt.Errorf("%w: the limit %s is to be above 0; leave it out for its default", ErrInvalid, name)
		}
	}
	return nil
}

// pluginLimits are those of one plugin.
func (t *Tenant) pluginLimits() wasm.Limits {
	r := t.Record()
	n := func(name string) int { return int(r.Limits[name]) } // 0 is the default there too
	return wasm.Limits{
		Memory: n(limitGuestMemory), Fuel: r.Limits[limitFuel], JoinFuel: r.Limits[limitJoinFuel], Instances: n(limitInstances),
		Payload: n(limitPayload), Effects: n(limitEffects), Assigns: n(limitAssigns), LogLines: n(limitLogLines),
		Wait: time.Duration(min(r.Limits[limitWait], mostWait)) * time.Millisecond,
	}
}

// checkRoom tells whether one more version may be stored.
func (t *Tenant) checkRoom(r *registry.Tenant, plugin string, size int64) error {
	if p := r.Plugin(plugin); p == nil && int64(len(r.Plugins)) >= limitOf(r, limitPlugins) {
		return fmt.Errorf("%w: too_many_plugins: there are %d", ErrQuota, len(r.Plugins))
	}
	bytes, seen := size, make(map[registry.Digest]bool)
	for i := range r.Plugins {
		for _, v := range r.Plugins[i].Versions {
			if !seen[v.Digest] {
				seen[v.Digest], bytes = true, bytes+v.Size
			}
		}
	}
	if most := limitOf(r, limitStored); bytes > most {
		return fmt.Errorf("%w: too_many_bytes: the modules would have %d, and may have %d", ErrQuota, bytes, most)
	}
	return nil
}

// limit is one of the tenant's own, or its default.
func (t *Tenant) limit(name string) int64 {
	t.estate.mu.RLock()
	defer t.estate.mu.RUnlock()
	return limitOf(&t.estate.record, name)
}

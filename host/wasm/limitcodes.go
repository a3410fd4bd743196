package wasm

// LimitCode names a limit. Codes are stable: logs, the operator's tools and tests
// refer to them.
type LimitCode string

// The limits of a guest, see [LimitTable].
const (
	LimitOutOfFuel            LimitCode = "out_of_fuel"
	LimitOutOfTime            LimitCode = "out_of_time"
	LimitMemory               LimitCode = "memory_limit"
	LimitPayloadTooLarge      LimitCode = "payload_too_large"
	LimitTooManyEffects       LimitCode = "too_many_effects"
	LimitAssignsTooLarge      LimitCode = "assigns_too_large"
	LimitSleep                LimitCode = "sleep"
	LimitTooManyTimers        LimitCode = "too_many_timers"
	LimitTooManySubscriptions LimitCode = "too_many_subscriptions"
	LimitTenantCPUExhausted   LimitCode = "tenant_cpu_exhausted"
)

// LimitRow says what a code stands for.
type LimitRow struct {
	Code LimitCode
	// Bound is what is bounded, and by how much unless configured otherwise.
	Bound string
	// Set is where the bound is set, such as "Limits.Fuel", or "fixed".
	Set string
}

// LimitTable lists every code. What goes beyond one of these limits has failed, and
// nothing that it asked for happens. The codes of timers and subscriptions come from
// the channel, which keeps them, in the error's text; that of the tenant's processor
// time is what a client is told before a guest is entered; all others come from a
// [LimitError], after which the instance is gone.
func LimitTable() []LimitRow {
	return []LimitRow{
		{LimitOutOfFuel, "fuel of one callback: 50 million; of join, connect and each function of an instance's start: 200 million", "Limits.Fuel, Limits.JoinFuel"},
		{LimitOutOfTime, "time of one callback, whatever its fuel: 2 s", "fixed"},
		{LimitMemory, "linear memory: 64 MiB for an instance, 512 MiB for all of a tenant, none for all of a node", "Limits.Memory, Config.TenantMemory, Config.Memory"},
		{LimitPayloadTooLarge, "one payload: 320 KiB", "Limits.Payload"},
		{LimitTooManyEffects, "effects of one callback: 256, with 1 MiB together", "Limits.Effects, Limits.EffectBytes"},
		{LimitAssignsTooLarge, "assigns of a channel: 16 KiB", "Limits.Assigns"},
		{LimitSleep, "what a callback may sleep in all, which takes no time: 10 s", "fixed"},
		{LimitTooManyTimers, "timers of a channel: 16, with 1 MiB of payload together", "fixed"},
		{LimitTenantCPUExhausted, "fuel of all a tenant's plugins in a second: none", "Config.Share"},
		{LimitTooManySubscriptions, "other topics that a channel listens to: 16", "fixed"},
	}
}

package abi

// This file imports nothing: a test type-checks it alone and compares every
// exported constant with the table.

// The version of the contract. A guest reports the version it was built for
// from ch_abi_version; a host serves guests of its own major version whose
// minor is not above its own.
const (
	// Major is also the digit in Module, so that a module built for another
	// major version is recognised by its imports alone.
	Major = 1
	// Minor counts additions within a major version.
	Minor = 0
	// Version is what ch_abi_version returns: the major in the upper, the minor
	// in the lower 16 bits.
	Version = Major<<16 | Minor
	// Draft says that rows may still be corrected. When it becomes false the
	// listing in testdata is frozen and append-only.
	Draft = true
)

const (
	// Module is the module name of every import in Imports.
	Module = "chhost_v1"
	// MemoryExport is the name under which a guest exports its one memory.
	MemoryExport = "memory"
)

// Status is what a callback returns. It arrives from the guest as any 32-bit
// number: check it against Rule.Statuses before it is used.
type Status int32

// The statuses. What each carries out depends on the callback: see Row.
const (
	StatusOK     Status = 0 // carry out what was asked for
	StatusError  Status = 1 // carry out nothing: the guest's own "no"
	StatusStop   Status = 2 // carry it out, then close the channel; in join: refuse for good
	StatusIgnore Status = 3 // join only: as if nobody had asked
	StatusPass   Status = 4 // handle_out only: deliver the message unchanged
)

// The first argument of reply.
const (
	ReplyOK    = 0 // the client's push succeeds
	ReplyError = 1 // the client's push fails
)

// Bits of the event struct's flags field.
const (
	FlagBinary     = 1 // the payload is bytes, not JSON
	FlagWantsReply = 2 // the client waits for an answer
	FlagSelf       = 4 // handle_out: this channel sent the message
)

// PayloadBinary is the only bit of the flags argument that the imports with a
// payload take: the payload is bytes, not JSON.
const PayloadBinary = 1

// LeaveKind says in the event struct's kind field why leave is called.
type LeaveKind uint32

// The leave kinds.
const (
	LeaveLeft     LeaveKind = 1 // the client left the channel
	LeaveClosed   LeaveKind = 2 // the connection ended
	LeaveReplaced LeaveKind = 3 // the client joined the same topic again
	LeaveShutdown LeaveKind = 4 // the host ends or drains
	LeaveStopped  LeaveKind = 5 // a callback returned STOP
	LeaveFailed   LeaveKind = 6 // a callback failed; perhaps on another instance
	LeaveKicked   LeaveKind = 7 // the operator ended the channel
)

// InfoKind says in the event struct's kind field why handle_info is called.
type InfoKind uint32

// The info kinds.
const (
	InfoTimer     InfoKind = 1 // a timer that send_after armed is due
	InfoBroadcast InfoKind = 2 // a broadcast to a topic that subscribe named
)

// The levels of log.
const (
	LogDebug = 0 // for the author
	LogInfo  = 1 // worth a line in production
	LogWarn  = 2 // wrong, but handled
	LogError = 3 // wrong, and somebody should look
)

// Callback is a bit, or several, of what ch_callbacks returns.
type Callback uint32

// The callback bits.
const (
	CallbackJoin       Callback = 1
	CallbackLeave      Callback = 2
	CallbackHandleIn   Callback = 4
	CallbackHandleOut  Callback = 8
	CallbackHandleInfo Callback = 16
	CallbackUpgrade    Callback = 32
	CallbackConnect    Callback = 64
	CallbackIdle       Callback = 128
)

// Import identifies one function of Imports. The numbers are stable and at most
// 63, so that an ImportSet can hold them; 0 is no import. They never reach a
// guest, which knows imports by name.
type Import uint8

// The imports.
const (
	ImportReply         Import = 1
	ImportPush          Import = 2
	ImportBroadcast     Import = 3
	ImportBroadcastFrom Import = 4
	ImportAssign        Import = 5
	ImportIntercept     Import = 6
	ImportAcceptBinary  Import = 7
	ImportLog           Import = 8
	ImportConfigGet     Import = 9
	ImportReplyTo       Import = 10
	ImportBroadcastTo   Import = 11
	ImportSendAfter     Import = 12
	ImportCancel        Import = 13
	ImportSubscribe     Import = 14
	ImportUnsubscribe   Import = 15
)

// Phase is what a guest is doing while it runs: it decides which imports may be
// called and which statuses may be returned.
type Phase uint8

// The phases.
const (
	PhaseSetup      Phase = 0 // _initialize, ch_abi_version, ch_callbacks, ch_buffer
	PhaseInit       Phase = 1 // ch_init
	PhaseJoin       Phase = 2 // join
	PhaseLeave      Phase = 3 // leave
	PhaseHandleIn   Phase = 4 // handle_in
	PhaseHandleOut  Phase = 5 // handle_out
	PhaseHandleInfo Phase = 6 // handle_info
	PhaseUpgrade    Phase = 7 // upgrade
	PhaseConnect    Phase = 8 // connect
	PhaseIdle       Phase = 9 // ch_idle
)

// Layout of the event struct: offsets in bytes from its start, little endian.
// An address is followed by its length in bytes.
const (
	OffsetSize             = 0
	OffsetFlags            = 4
	OffsetTopic            = 8
	OffsetTopicLen         = 12
	OffsetEvent            = 16
	OffsetEventLen         = 20
	OffsetPayload          = 24
	OffsetPayloadLen       = 28
	OffsetAssigns          = 32
	OffsetAssignsLen       = 36
	OffsetSocketAssigns    = 40
	OffsetSocketAssignsLen = 44
	OffsetNowMS            = 48
	OffsetChannel          = 56
	OffsetKind             = 64
	OffsetRef              = 68

	EventSize  = 72 // bytes of the struct in this version
	EventAlign = 8  // its address is a multiple of this
)

// Fixed limits of the contract. The limits that an operator sets are read with
// config_get.
const (
	MinBuffer     = 4096 // bytes that the first ch_buffer asks for
	MaxName       = 255  // bytes of a topic, an event or a setting's key; at least 1
	MaxDepth      = 192  // levels of nesting in JSON that a guest hands over; what clients send has at most 128
	MaxIntercepts = 64   // intercept calls with different names

	MaxTimers     = 16       // armed timers of one channel
	MinDelayMS    = 10       // milliseconds of a timer; shorter ones are raised
	MaxDelayMS    = 86400000 // milliseconds of a timer: a day
	MaxTimerBytes = 1 << 20  // bytes of the payloads of all armed timers of one channel

	MaxSubscriptions = 16 // topics that one channel has subscribed to
	MaxHops          = 4  // broadcasts in a row that broadcasts caused

	MaxOpenRefs = 64 // events of one channel that reply_to may still answer
	RefSeconds  = 60 // seconds in which it may
)

// The settings that every guest can read with config_get.
const (
	ConfigPlugin     = "chhost.plugin"
	ConfigTenant     = "chhost.tenant"
	ConfigAssignsMax = "chhost.assigns_max"
	ConfigPayloadMax = "chhost.payload_max"
	ConfigEffectsMax = "chhost.effects_max"
)

// Names that the host keeps for itself.
const (
	// ReservedConfigPrefix starts the keys of settings that only the host defines.
	ReservedConfigPrefix = "chhost."
	// HostExportPrefix starts the names of exports that the host itself adds to a
	// module; none may come from an author.
	HostExportPrefix = "__chhost_"
	// ReservedEventPrefix starts the names of events that only the host sends.
	ReservedEventPrefix = "phx_"
	// LaterImportPrefix starts the names of a group of imports that a later minor
	// version will have.
	LaterImportPrefix = "kv_"
)

const (
	// WASIModule is the module name of every import in WASI.
	WASIModule = "wasi_snapshot_preview1"
	// AssemblyScriptModule is the module name of every import in AssemblyScript.
	AssemblyScriptModule = "env"
)

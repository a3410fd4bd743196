package abi

import "strings"

// ConfigKey is a setting that the host defines for every guest.
type ConfigKey struct {
	Name string
	// Doc says what the value is, in Markdown.
	Doc string
	// Example is a value.
	Example string
}

// ConfigKeys returns the settings that every guest can read. All other keys that
// start with ReservedConfigPrefix are kept for the host.
func ConfigKeys() []ConfigKey {
	return []ConfigKey{
		{ConfigPlugin, "The name and sequence number of the version that is running.", "foods@7"},
		{ConfigTenant, "The tenant that owns the plugin.", "default"},
		{ConfigAssignsMax, "Bytes that a channel's assigns may have, in decimal.", "16384"},
		{ConfigPayloadMax, "Bytes that a payload may have, in either direction, in decimal.", "327680"},
		{ConfigEffectsMax, "Effects that one callback may ask for, in decimal.", "256"},
	}
}

// IsReservedConfig reports whether a setting's key is the host's: an operator
// cannot define it.
func IsReservedConfig(key string) bool { return strings.HasPrefix(key, ReservedConfigPrefix) }

// ReservedEvents returns the names of single events that only the host sends,
// beside all those that start with ReservedEventPrefix.
func ReservedEvents() []string {
	return []string{"presence_state", "presence_diff"}
}

// IsReservedEvent reports whether an event is one of the host's own (Phoenix's
// channel and presence events). Neither a client nor a guest may send one: a
// guest that passes events on must never be able to close everyone's channel.
func IsReservedEvent(name string) bool {
	return strings.HasPrefix(name, ReservedEventPrefix) || name == "presence_state" || name == "presence_diff"
}

// LaterImports returns the imports that a later minor version will have, as they
// are written in the contract's text: a name, or LaterImportPrefix and a star.
func LaterImports() []string {
	return []string{"track", "untrack", "presence_list", LaterImportPrefix + "*", "fetch"}
}

// IsLaterImport reports whether an import is kept for a later minor version: a
// module that needs it was built for a newer host.
func IsLaterImport(name string) bool {
	switch name {
	case "track", "untrack", "presence_list", "fetch":
		return true
	}
	return strings.HasPrefix(name, LaterImportPrefix)
}

// LaterExports returns the exports that a later minor version will call. Their
// names are reserved by their beginnings, too.
func LaterExports() []string { return []string{"handle_out_batch"} }

// IsLaterExport reports whether an export is kept for a later minor version.
func IsLaterExport(name string) bool { return name == "handle_out_batch" }

// ReservedExportPrefixes returns the starts of export names that the contract
// keeps for itself.
func ReservedExportPrefixes() []string {
	return []string{"ch_", "handle_", "join", "leave", "connect", "upgrade", HostExportPrefix}
}

// IsReservedExport reports whether an export's name starts like one of the
// contract's. Such an export must be a row of Exports: any other is a misspelled
// or a future one, and is refused rather than never called. The names in Exports
// are themselves reserved, except _initialize.
func IsReservedExport(name string) bool {
	for _, prefix := range ReservedExportPrefixes() {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

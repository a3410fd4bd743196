package wasm

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
)

// write puts the event struct and what it points to into the guest's region. It
// is false if the guest has no room.
func (i *instance) write(ctx context.Context, phase abi.Phase, ev *channel.Event) (bool, error) {
	payload := ev.Payload.Data()
	if phase == abi.PhaseLeave || phase == abi.PhaseUpgrade {
		payload = nil
	}
	need := abi.EventSize + len(ev.Topic) + len(ev.Event) + len(payload) + len(ev.Assigns) + len(ev.SocketAssigns)
	if uint32(need) > i.regionSize {
		if ok, err := i.makeRoom(ctx, need); err != nil || !ok {
			return false, err
		}
	}
	region, ok := i.memory.Read(i.region, uint32(need))
	if !ok {
		i.healthy = false
		return false, &ContractError{Phase: phase, Rule: "the region of ch_buffer is no longer in the memory"}
	}
	var flags uint32
	if ev.Payload.IsBinary() {
		flags |= abi.FlagBinary
	}
	if ev.WantsReply {
		flags |= abi.FlagWantsReply
	}
	if ev.Self {
		flags |= abi.FlagSelf
	}
	le := binary.LittleEndian
	le.PutUint32(region[abi.OffsetSize:], abi.EventSize)
	le.PutUint32(region[abi.OffsetFlags:], flags)
	at := uint32(abi.EventSize)
	put := func(offset, n int) []byte {
		le.PutUint32(region[offset:], i.region+at)
		le.PutUint32(region[offset+4:], uint32(n))
		room := region[at : at+uint32(n)]
		at += uint32(n)
		return room
	}
	copy(put(abi.OffsetTopic, len(ev.Topic)), ev.Topic)
	copy(put(abi.OffsetEvent, len(ev.Event)), ev.Event)
	copy(put(abi.OffsetPayload, len(payload)), payload)
	copy(put(abi.OffsetAssigns, len(ev.Assigns)), ev.Assigns)
	copy(put(abi.OffsetSocketAssigns, len(ev.SocketAssigns)), ev.SocketAssigns)
	le.PutUint64(region[abi.OffsetNowMS:], uint64(ev.Now.UnixMilli()))
	le.PutUint64(region[abi.OffsetChannel:], ev.Channel)
	le.PutUint32(region[abi.OffsetKind:], kindOf(phase, ev))
	le.PutUint32(region[abi.OffsetRef:], ev.Ref)
	return true, nil
}

func kindOf(phase abi.Phase, ev *channel.Event) uint32 {
	switch phase {
	case abi.PhaseLeave:
		return uint32(ev.Leave)
	case abi.PhaseHandleInfo:
		return uint32(ev.Info)
	}
	return 0
}

// sameBytes compares what the guest hands over with the host's own copy of the
// event's payload: the guest's memory proves nothing.
func (c *call) sameBytes(data []byte) bool {
	return c.ev != nil && len(data) == c.ev.Payload.Len() && bytes.Equal(data, c.ev.Payload.Data())
}

package wasm

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
)

// importFunc returns the host's side of an import. It decodes each parameter as
// 32 bits, since the upper half of a stack slot may be anything. What breaks a
// rule panics with a *ContractError or *LimitError, which the engine hands to
// whoever called the guest.
func importFunc(id abi.Import) api.GoModuleFunc {
	f, name := importOf(id), id.String()
	return func(ctx context.Context, _ api.Module, stack []uint64) {
		i := ctx.(*callContext).inst
		i.current.importing = name
		i.spend(hostCall)
		if !i.current.rule.Imports.Has(id) {
			i.broken("", fmt.Sprintf("it may not be called in %s", i.current.phase))
		}
		f(i, stack)
	}
}

func importOf(id abi.Import) func(i *instance, args []uint64) {
	switch id {
	case abi.ImportReply:
		return (*instance).importReply
	case abi.ImportReplyTo:
		return (*instance).importReplyTo
	case abi.ImportPush:
		return func(i *instance, args []uint64) { i.send(channel.Push, args) }
	case abi.ImportBroadcast:
		return func(i *instance, args []uint64) { i.send(channel.Broadcast, args) }
	case abi.ImportBroadcastFrom:
		return func(i *instance, args []uint64) { i.send(channel.BroadcastFrom, args) }
	case abi.ImportBroadcastTo:
		return (*instance).importBroadcastTo
	case abi.ImportAssign:
		return (*instance).importAssign
	case abi.ImportSendAfter:
		return (*instance).importSendAfter
	case abi.ImportCancel:
		return func(i *instance, args []uint64) { i.effect(channel.Cancel(api.DecodeU32(args[0]))) }
	case abi.ImportSubscribe:
		return func(i *instance, args []uint64) { i.effect(channel.Subscribe(i.name("topic_ptr", args))) }
	case abi.ImportUnsubscribe:
		return func(i *instance, args []uint64) { i.effect(channel.Unsubscribe(i.name("topic_ptr", args))) }
	case abi.ImportIntercept:
		return (*instance).importIntercept
	case abi.ImportAcceptBinary:
		return func(i *instance, _ []uint64) { i.declared.acceptBinary = true }
	case abi.ImportLog:
		return (*instance).importLog
	case abi.ImportConfigGet:
		return (*instance).importConfigGet
	}
	panic(fmt.Sprintf("BUG: wasm: import %s has no implementation", id))
}

func (i *instance) broken(argument, rule string) {
	panic(&ContractError{Phase: i.current.phase, Import: i.current.importing, Argument: argument, Rule: rule})
}

func (i *instance) exceeded(limit LimitCode, detail string) {
	panic(&LimitError{Phase: i.current.phase, Limit: limit, Detail: detail})
}

func (i *instance) importReply(args []uint64) {
	c := &i.current
	if c.reply.Status != "" {
		i.broken("", "it was called before in this callback; one reply is allowed")
	}
	status := i.replyStatus(args[0])
	c.reply = channel.Reply{Status: status, Payload: i.payload(args[1:], false)}
}

func (i *instance) replyStatus(arg uint64) phx.Status {
	switch n := api.DecodeU32(arg); n {
	case abi.ReplyOK:
	case abi.ReplyError:
		return phx.StatusError
	default:
		i.broken("status", fmt.Sprintf("0 (ok) or 1 (error) is allowed, not %d", n))
	}
	return phx.StatusOK
}

func (i *instance) importReplyTo(args []uint64) {
	status := i.replyStatus(args[1])
	i.effect(channel.ReplyTo(api.DecodeU32(args[0]), status, i.payload(args[2:], false)))
}

// send is push and the broadcasts: event, payload, flags.
func (i *instance) send(effect func(string, phx.Payload) channel.Effect, args []uint64) {
	event := i.sendable(i.name("event_ptr", args))
	payload := i.payload(args[2:], true)
	i.effect(effect(event, payload))
}

func (i *instance) importBroadcastTo(args []uint64) {
	topic := i.name("topic_ptr", args)
	event := i.sendable(i.name("event_ptr", args[2:]))
	i.effect(channel.BroadcastTo(topic, event, i.payload(args[4:], true)))
}

func (i *instance) importSendAfter(args []uint64) {
	delay := api.DecodeU32(args[1])
	if delay > abi.MaxDelayMS {
		i.broken("delay_ms", fmt.Sprintf("%d ms are longer than %d, a day", delay, abi.MaxDelayMS))
	}
	event := i.sendable(i.name("event_ptr", args[2:]))
	payload := i.payload(args[4:], true)
	i.effect(channel.SendAfter(api.DecodeU32(args[0]), time.Duration(delay)*time.Millisecond, event, payload))
}

func (i *instance) importAssign(args []uint64) {
	data := i.read("ptr", args[0], args[1])
	if len(data) > i.plugin.limits.Assigns {
		i.exceeded(LimitAssignsTooLarge, fmt.Sprintf("%d bytes, %d are allowed", len(data), i.plugin.limits.Assigns))
	}
	i.count(len(data))
	i.spend(copyByte * int64(len(data)))
	i.effect(channel.Assign(data))
}

func (i *instance) importIntercept(args []uint64) {
	event := i.sendable(i.name("event_ptr", args))
	d := &i.declared
	if d.intercepts == nil {
		d.intercepts = make(map[string]struct{})
	}
	d.intercepts[event] = struct{}{}
	if len(d.intercepts) > abi.MaxIntercepts {
		i.broken("", fmt.Sprintf("more than %d events: intercept every event by not calling it", abi.MaxIntercepts))
	}
}

func (i *instance) importLog(args []uint64) {
	text := i.read("ptr", args[1], args[2])
	i.spend(i.plugin.log.cost(len(text)))
	i.lines.add(api.DecodeI32(args[0]), text)
}

func (i *instance) importConfigGet(args []uint64) {
	key := i.name("key_ptr", args)
	room := i.read("buf", args[2], args[3])
	value, ok := i.plugin.settings[key]
	if !ok {
		args[0] = api.EncodeI32(-1)
		return
	}
	i.spend(int64(len(value)))
	copy(room, value)
	args[0] = api.EncodeI32(int32(len(value)))
}

func (i *instance) effect(e channel.Effect) {
	c := &i.current
	if len(c.effects) >= i.plugin.limits.Effects {
		i.exceeded(LimitTooManyEffects, fmt.Sprintf("%d are allowed", i.plugin.limits.Effects))
	}
	c.effects = append(c.effects, e)
}

// count adds to the size of this call's effects.
func (i *instance) count(n int) {
	c := &i.current
	if c.bytes += n; c.bytes > i.plugin.limits.EffectBytes {
		i.exceeded(LimitTooManyEffects, fmt.Sprintf("the effects of one callback may have %d bytes", i.plugin.limits.EffectBytes))
	}
}

// read returns the guest's memory at ptr. A pointer of length 0 is not looked at.
func (i *instance) read(argument string, ptr, length uint64) []byte {
	at, n := api.DecodeU32(ptr), api.DecodeU32(length)
	if n == 0 {
		return nil
	}
	data, ok := i.memory.Read(at, n)
	if !ok {
		i.broken(argument, fmt.Sprintf("%d bytes at address %d are not in the memory, which ends at %d", n, at, i.memory.Size()))
	}
	return data
}

// name reads a name: that of a topic, an event or a setting. If it is the
// event's own, which was checked when it came in, there is no copy; effects that
// are kept for longer than one call make their own.
func (i *instance) name(argument string, args []uint64) string {
	data := i.read(argument, args[0], args[1])
	i.spend(nameByte * int64(min(len(data), abi.MaxName+1)))
	// In upgrade the event is the old version's name, which has other rules.
	if ev := i.current.ev; ev != nil && len(data) > 0 && i.current.phase != abi.PhaseUpgrade {
		if string(data) == ev.Event {
			return ev.Event
		}
		if string(data) == ev.Topic {
			return ev.Topic
		}
	}
	name := string(data[:min(len(data), abi.MaxName+1)])
	if err := phx.CheckName(name); err != nil {
		i.broken(argument, err.Error())
	}
	return name
}

// sendable checks the name of an event that the guest sends or intercepts.
func (i *instance) sendable(event string) string {
	if abi.IsReservedEvent(event) {
		i.broken("event_ptr", fmt.Sprintf("the event %s belongs to the host", event))
	}
	return event
}

// payload reads ptr, len, flags. If the bytes are those of the event itself, the
// copy that was checked when it came in is used.
func (i *instance) payload(args []uint64, object bool) phx.Payload {
	flags := api.DecodeU32(args[2])
	if flags&^uint32(abi.PayloadBinary) != 0 {
		i.broken("flags", fmt.Sprintf("only the bit %d (binary) is defined, got %#x", abi.PayloadBinary, flags))
	}
	data := i.read("ptr", args[0], args[1])
	if len(data) > i.plugin.limits.Payload {
		i.exceeded(LimitPayloadTooLarge, fmt.Sprintf("%d bytes, %d are allowed", len(data), i.plugin.limits.Payload))
	}
	i.count(len(data))
	i.spend(copyByte * int64(len(data)))
	if flags == 0 && (len(data) == 0 || string(data) == "{}") {
		return phx.Payload{} // {}, also while a client's empty bytes are being handled
	}
	if i.current.sameBytes(data) {
		if flags == 0 {
			return i.current.ev.Payload
		}
		return phx.Bytes(i.current.ev.Payload.Data())
	}
	data = bytes.Clone(data) // the guest's memory is overwritten by the next event
	if flags != 0 {
		return phx.Bytes(data)
	}
	return i.parse(data, object)
}

// parse checks JSON of the guest's, and charges for it before.
func (i *instance) parse(data []byte, object bool) phx.Payload {
	price := jsonPrice(data)
	i.spend(price)
	parse := phx.JSON
	if object {
		parse = phx.Object
	}
	p, err := parse(data)
	if err != nil {
		i.broken("ptr", err.Error())
	}
	if price > slice {
		i.rest()
	}
	return p
}

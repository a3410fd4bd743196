package abi

// Row returns the rule that holds during a phase. It is built afresh: a host
// that checks every call keeps the rules it needs.
func Row(p Phase) Rule {
	switch p {
	case PhaseSetup:
		return Rule{Phase: p, Imports: Imported(ImportLog)}
	case PhaseInit:
		return initRule()
	case PhaseJoin:
		return joinRule()
	case PhaseLeave:
		return leaveRule()
	case PhaseHandleIn:
		return handleInRule()
	case PhaseHandleOut:
		return handleOutRule()
	case PhaseHandleInfo:
		return handleInfoRule()
	case PhaseUpgrade:
		return upgradeRule()
	case PhaseConnect:
		return connectRule()
	case PhaseIdle:
		return rule(p, 0, Effect{StatusOK, "Nothing: it was for the guest's own good.", `OK => nothing`})
	}
	return Rule{Phase: p}
}

// rule completes a row: log and config_get may be called in every callback, and
// a status is allowed if it has an effect.
func rule(p Phase, imports ImportSet, effects ...Effect) Rule {
	r := Rule{Phase: p, Imports: imports | Imported(ImportLog, ImportConfigGet), Effects: effects}
	for _, e := range effects {
		r.Statuses |= Statuses(e.Status)
	}
	return r
}

// messages are the imports that send something to clients and channels.
func messages() ImportSet {
	return Imported(ImportPush, ImportBroadcast, ImportBroadcastFrom, ImportBroadcastTo)
}

// timers are the imports that arrange a later handle_info by the clock.
func timers() ImportSet { return Imported(ImportSendAfter, ImportCancel) }

// subscriptions are the imports that arrange a later handle_info by a topic.
func subscriptions() ImportSet { return Imported(ImportSubscribe, ImportUnsubscribe) }

func initRule() Rule {
	return rule(PhaseInit, Imported(ImportIntercept, ImportAcceptBinary),
		Effect{
			StatusOK, "What was declared holds.",
			`intercept("user:joined"), OK => of all broadcasts only user:joined enters handle_out`,
		},
		Effect{
			StatusError, "The version is refused.",
			`log(3, "set greeting"), ERROR => the upload fails, the line is in the log`,
		},
	)
}

func joinRule() Rule {
	return rule(PhaseJoin, Imported(ImportReply, ImportAssign)|messages()|timers()|subscriptions(),
		Effect{
			StatusOK, "The client is in. It gets the reply first (`{}` if there was none), then the effects are carried out in the " +
				"order of the calls. The channel is already subscribed. A reply with status 1 is a contract error.",
			`push("a", {}), reply(0, {"n":1}), broadcast("b", {}), OK => ok {"n":1}, then a, then b`,
		},
		Effect{
			StatusError, "Refused: the client gets the reply's payload as an error (`{}` if there was none), and nothing else happens. " +
				"A reply with status 0 is a contract error.",
			`reply(1, {"reason":"unauthorized"}), push("a", {}), ERROR => error {"reason":"unauthorized"}, no channel`,
		},
		Effect{
			StatusIgnore, "Nothing at all: no channel, no frame, and a reply is dropped too.",
			`IGNORE => the client hears nothing until its own timeout`,
		},
		Effect{
			StatusStop, "Refused for good: as ERROR, and `phx_close` behind the error. Clients try a join that was refused again for ever; " +
				"of one that was closed they let go.",
			`reply(1, {"reason":"banned"}), STOP => error {"reason":"banned"}, then phx_close, no channel`,
		},
	)
}

func leaveRule() Rule {
	return rule(PhaseLeave, messages(),
		Effect{
			StatusOK, "Effects in the order of the calls. A `push` reaches the client only if it left by itself (kind LEFT).",
			`broadcast("user:left", {"name":"jo"}), OK => the other subscribers get user:left`,
		},
		Effect{
			StatusError, "Nothing; it is logged. The channel has ended all the same.",
			`broadcast("user:left", {}), ERROR => a line in the log`,
		},
	)
}

func handleInRule() Rule {
	return rule(PhaseHandleIn, Imported(ImportReply, ImportReplyTo, ImportAssign)|messages()|timers()|subscriptions(),
		Effect{
			StatusOK, "Effects in the order of the calls, then the reply, wherever it was called. Without a `reply` the client gets none.",
			`reply(1, {"reason":"too long"}), push("hint", {}), OK => hint, then error {"reason":"too long"}`,
		},
		Effect{
			StatusError, "None of the effects: the client gets `phx_error` and may join again; `leave` follows with kind FAILED.",
			`broadcast("b", {}), ERROR => phx_error, nobody gets b`,
		},
		Effect{
			StatusStop, "The same as OK, then the client gets `phx_close`; `leave` follows with kind STOPPED.",
			`reply(0, {}), push("bye", {}), STOP => bye, then ok {}, then phx_close`,
		},
	)
}

func handleOutRule() Rule {
	return rule(PhaseHandleOut, Imported(ImportPush, ImportAssign)|timers(),
		Effect{
			StatusOK, "Effects in the order of the calls. The message itself is not delivered.",
			`push("msg", {"text":"***"}), OK => this client gets msg {"text":"***"} instead`,
		},
		Effect{
			StatusError, "None of the effects: the client gets `phx_error` and may join again; `leave` follows with kind FAILED.",
			`push("a", {}), ERROR => phx_error`,
		},
		Effect{
			StatusStop, "The same as OK, then the client gets `phx_close`; `leave` follows with kind STOPPED.",
			`push("closed", {}), STOP => closed, then phx_close`,
		},
		Effect{
			StatusPass, "Effects in the order of the calls, then the message unchanged: the cheapest answer.",
			`push("hint", {}), PASS => hint, then the message`,
		},
	)
}

func handleInfoRule() Rule {
	return rule(PhaseHandleInfo, Imported(ImportReplyTo, ImportAssign)|messages()|timers()|subscriptions(),
		Effect{
			StatusOK, "Effects in the order of the calls. There is nobody to reply to; `reply_to` answers an earlier event.",
			`push("ping", {}), send_after(1, 5000, "tick", {}), OK => ping, and this callback again after 5 s`,
		},
		Effect{
			StatusError, "None of the effects: the client gets `phx_error` and may join again; `leave` follows with kind FAILED.",
			`push("ping", {}), ERROR => phx_error`,
		},
		Effect{
			StatusStop, "The same as OK, then the client gets `phx_close`; `leave` follows with kind STOPPED.",
			`push("time is up", {}), STOP => time is up, then phx_close`,
		},
	)
}

func upgradeRule() Rule {
	return rule(PhaseUpgrade, Imported(ImportAssign, ImportPush)|timers(),
		Effect{
			StatusOK, "Effects in the order of the calls; from now on this version serves the channel.",
			`assign({"v":2}), push("reload", {}), OK => the client gets reload, the next event has the assigns {"v":2}`,
		},
		Effect{
			StatusError, "None of the effects: the channel stays on the old version, with its old assigns. A crash does the same.",
			`assign({"v":2}), ERROR => the old version goes on as if nothing had been`,
		},
	)
}

func connectRule() Rule {
	return rule(PhaseConnect, Imported(ImportReply, ImportAssign),
		Effect{
			StatusOK, "The client is connected; what `assign` got are the socket's assigns. " +
				"`reply` may name the socket: its payload is an object, whose `id` is a name, which the host's log carries and by which an operator disconnects it. " +
				"A reply with status 1 is a contract error.",
			`assign({"user":7}), reply(0, {"id":"users:7"}), OK => connected, the socket is called users:7`,
		},
		Effect{
			StatusError, "Refused: HTTP status 403, with the reply's payload as the body (empty if there was none). " +
				"If the payload is an object with a number `status`, that is the status: 400 to 599, any other is a failure of `connect`. " +
				"Over long-polling, whose statuses are few, from 500 on the client may try again. " +
				"A reply with status 0 is a contract error.",
			`reply(1, {"reason":"no token"}), ERROR => 403 {"reason":"no token"}`,
		},
	)
}

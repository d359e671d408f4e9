package main

import (
	"context"
	"errors"

	"agentmesh/host/ledger"
	"agentmesh/host/release"
	"agentmesh/pdk/abi"
)

// trusting runs what may change whom this machine trusts, or what it has of them, and writes into the ledger what it changed and
// why something was refused. events are what the change itself tells besides.
func (e *env) trusting(ctx context.Context, command string, change func(t *release.Trust) (events []release.Event, err error)) error {
	t, err := e.ownTrust()
	if err != nil {
		return err
	}
	before, err := t.Roots()
	if err != nil {
		return err
	}
	events, failed := change(t)
	after, err := t.Roots()
	if err != nil {
		return errors.Join(failed, err)
	}
	events = append(release.Changes(before, after), events...)
	if refused, is := release.Refused(failed); is {
		events = append(events, refused)
	}
	if err := e.record(ctx, command, events); err != nil {
		return errors.Join(failed, err)
	}
	return failed
}

// record writes events into the ledger, durable when it returns.
func (e *env) record(ctx context.Context, command string, events []release.Event) error {
	if len(events) == 0 {
		return nil
	}
	log, err := e.ledger(ctx, command)
	if err != nil {
		return err
	}
	for i := range events {
		_, failed := log.Append(ctx, ledger.Entry{Kind: ledger.KindTrust, Body: abi.AppendJSON(nil, events[i].Value())})
		err = errors.Join(err, failed)
	}
	return errors.Join(err, log.Close())
}

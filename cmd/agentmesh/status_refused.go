package main

import (
	"context"
	"slices"

	"agentmesh/host/ledger"
	"agentmesh/pdk/abi"
)

// lookback is how many verdicts of a kind are looked at, at most, for those that status shows: with monitor mode on, a million
// may have passed since the last refusal.
const lookback = 10_000

// refusals reads what was lately refused, and what would have been.
func (s *statusJSON) refusals(ctx context.Context, r *ledger.Reader, limit int) error {
	for _, decision := range []abi.Decision{abi.Deny, abi.RequireApproval} { // nobody can be asked: both were refused
		refused, monitored := 0, 0
		for record, err := range r.Records(ctx, ledger.Filter{Decision: decision.String(), Limit: lookback}) {
			if err != nil {
				return err
			}
			switch {
			case record.Kind == ledger.KindList:
			case enforced(&record) && refused < limit:
				refused++
				s.refused = append(s.refused, &record)
			case !enforced(&record) && monitored < limit:
				monitored++
				s.monitored = append(s.monitored, &record)
			}
			if refused == limit && monitored == limit {
				break
			}
		}
	}
	s.refused, s.Refused = latest(s.refused, limit)
	s.monitored, s.Monitored = latest(s.monitored, limit)
	return nil
}

// enforced reports whether a verdict was acted on. What cannot be read was: only monitor mode says otherwise.
func enforced(r *ledger.Record) bool {
	body, err := abi.ReadValue(string(r.Body))
	if err != nil {
		return true
	}
	acted, known := body.Get("verdict").Get("enforced").Bool()
	return acted || !known
}

// latest are the newest of some records, first the newest.
func latest(records []*ledger.Record, limit int) ([]*ledger.Record, []rawJSON) {
	slices.SortStableFunc(records, func(a, b *ledger.Record) int { return b.Time.Compare(a.Time) })
	records = records[:min(limit, len(records))]
	out := []rawJSON{}
	for _, r := range records {
		out = append(out, recordJSON(r))
	}
	return records, out
}

func (e *env) printRefusals(s *statusJSON) {
	rows := func(records []*ledger.Record) [][]string {
		var out [][]string
		for _, r := range records {
			out = append(out, recordRow(r))
		}
		return out
	}
	if len(s.refused) == 0 {
		e.printf("Nothing was refused.\n")
	} else {
		e.printf("Lately refused (`agentmesh audit show PLACE` says more):\n")
		e.table(recordHeader(), rows(s.refused))
	}
	if len(s.monitored) > 0 {
		e.printf("\nNot refused, because of monitor mode:\n")
		e.table(recordHeader(), rows(s.monitored))
	}
}

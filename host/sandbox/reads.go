package sandbox

import "agentmesh/pdk/abi"

// Slots implements Judge: what the module lists.
func (j *PolicyJudge) Slots() (slots []abi.Slot, all bool) { return j.module.Slots, false }

// Slots implements Judge: a plugin is given the whole request.
func (j *PluginJudge) Slots() (slots []abi.Slot, all bool) { return nil, true }

// Slots implements Judge: it fails whatever the request.
func (j *AbsentJudge) Slots() (slots []abi.Slot, all bool) { return nil, false }

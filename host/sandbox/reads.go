package sandbox

import "agentmesh/pdk/abi"

// Slots are the paths that the policy reads of a request, its selector apart. They are not to be changed.
func (j *PolicyJudge) Slots() []abi.Slot { return j.module.Slots }

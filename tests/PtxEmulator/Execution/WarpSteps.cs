using PtxEmulator.Checks;

namespace PtxEmulator.Execution;

/// <summary>An instruction of several lanes together, which name each other by a mask.</summary>
internal abstract unsafe class WarpStep(Slot members) : Step
{
    /// <summary>Every lane that executes must be in its own mask, all lanes of a mask must execute, and with the same mask.</summary>
    protected void CheckMembers(Warp warp, uint mask)
    {
        var masks = (uint*)members.At(warp);
        for (var m = mask; m != 0;)
        {
            var lane = Lanes.Next(ref m);
            var named = masks[lane];
            if ((named >> lane & 1) == 0) throw Wrong($"executes with the mask 0x{named:x8}, which does not name it");
            var missing = named & ~mask & warp.Alive;
            if (missing != 0) throw Wrong($"names lanes 0x{missing:x8} by the mask 0x{named:x8}, which are elsewhere (lanes 0x{mask:x8} are here)");
            if ((named & ~warp.Alive & warp.Lanes) != 0) throw Wrong($"names lanes by the mask 0x{named:x8} that have exited (0x{warp.Alive:x8} live)");
            for (var o = named & mask; o != 0;)
            {
                var other = Lanes.Next(ref o);
                if (masks[other] != named) throw Wrong($"has the mask 0x{named:x8}, but lane {other} in it has 0x{masks[other]:x8}");
            }

            if (named == mask) break;
            continue;

            KernelFinding Wrong(string message) => warp.Finding(FindingKind.WarpMask, this, lane, message);
        }
    }
}

internal enum ShuffleMode { Up, Down, Butterfly, Index }

/// <summary>shfl.sync.</summary>
internal sealed unsafe class Shuffle(Slot? d, PredicateSlot? p, Slot a, Slot b, Slot c, Slot members, ShuffleMode mode) : WarpStep(members)
{
    public override void Execute(Warp warp, uint mask)
    {
        CheckMembers(warp, mask);
        uint* pa = (uint*)a.At(warp), pb = (uint*)b.At(warp), pc = (uint*)c.At(warp), pm = (uint*)Members(warp);
        var result = stackalloc uint[32];
        uint inRange = 0;
        for (var m = mask; m != 0;)
        {
            var lane = Lanes.Next(ref m);
            var by = (int)(pb[lane] & 31);
            var clamp = (int)(pc[lane] & 31);
            var segment = (int)(pc[lane] >> 8 & 31);
            var last = (lane & segment) | (clamp & ~segment & 31);
            var (source, isInRange) = mode switch
            {
                ShuffleMode.Up => (lane - by, lane - by >= last),
                ShuffleMode.Down => (lane + by, lane + by <= last),
                ShuffleMode.Butterfly => (lane ^ by, (lane ^ by) <= last),
                _ => ((lane & segment) | (by & ~segment & 31), ((lane & segment) | (by & ~segment & 31)) <= last),
            };
            if (!isInRange) source = lane;
            else inRange |= 1u << lane;
            if ((mask >> source & 1) == 0) throw warp.Finding(FindingKind.WarpMask, this, lane, $"takes the value of lane {source}, which is not executing the shuffle");
            if ((pm[lane] >> source & 1) == 0) throw warp.Finding(FindingKind.WarpMask, this, lane, $"takes the value of lane {source}, which its mask 0x{pm[lane]:x8} does not name");
            result[lane] = pa[source];
        }

        p?.Write(warp, inRange, mask);
        if (d is not { } target) return;
        var pd = (uint*)target.At(warp);
        for (var m = mask; m != 0;)
        {
            var lane = Lanes.Next(ref m);
            pd[lane] = result[lane];
        }
    }

    private byte* Members(Warp warp) => _members.At(warp);

    private readonly Slot _members = members;
}

internal enum VoteMode { All, Any, Uniform, Ballot }

/// <summary>vote.sync.</summary>
internal sealed unsafe class Vote(Slot? d, PredicateSlot? p, PredicateSlot? a, uint constant, Slot members, VoteMode mode) : WarpStep(members)
{
    private readonly Slot _members = members;

    public override void Execute(Warp warp, uint mask)
    {
        CheckMembers(warp, mask);
        var votes = a?.Read(warp) ?? constant;
        var masks = (uint*)_members.At(warp);
        uint result = 0;
        for (var m = mask; m != 0;)
        {
            var lane = Lanes.Next(ref m);
            var here = masks[lane] & mask;
            if (mode == VoteMode.Ballot)
            {
                ((uint*)d!.Value.At(warp))[lane] = votes & here;
                continue;
            }

            var yes = mode switch
            {
                VoteMode.All => (votes & here) == here,
                VoteMode.Any => (votes & here) != 0,
                _ => (votes & here) == here || (votes & here) == 0,
            };
            if (yes) result |= 1u << lane;
        }

        p?.Write(warp, result, mask);
    }
}

/// <summary>bar.warp.sync.</summary>
internal sealed unsafe class WarpBarrier(Slot members) : WarpStep(members)
{
    public override void Execute(Warp warp, uint mask)
    {
        CheckMembers(warp, mask);
        warp.Synchronize(mask);
    }
}

/// <summary>activemask.</summary>
internal sealed unsafe class ActiveMask(Slot d) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        var pd = (uint*)d.At(warp);
        for (var m = mask; m != 0;) pd[Lanes.Next(ref m)] = mask;
    }
}

/// <summary>Nothing: fences need none here, as accesses take effect in order.</summary>
internal sealed class Nothing : Step
{
    public override void Execute(Warp warp, uint mask)
    {
    }
}

/// <summary>Throws if a register is read in a lane that never wrote it.</summary>
internal sealed class RequireRegister(int watched, string name) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        var missing = mask & ~warp.Written[watched];
        if (missing != 0) throw warp.Finding(FindingKind.UninitializedRegister, this, missing, $"reads {name}, which it has not written");
    }
}

/// <summary>Notes that lanes of a register were written, or (at the start of a call) that none is.</summary>
internal sealed class NoteRegister(int watched, bool isWritten) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        if (isWritten) warp.Written[watched] |= mask;
        else warp.Written[watched] &= ~mask;
    }
}

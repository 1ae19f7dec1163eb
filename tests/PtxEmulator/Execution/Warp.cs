using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PtxEmulator.Checks;

namespace PtxEmulator.Execution;

internal enum WarpStatus { Running, Waiting, Done }

/// <summary>32 threads in lock-step. Where they part, a stack holds the ways not taken yet and where the ways meet again
/// (the immediate post-dominator of the branch).</summary>
internal sealed unsafe class Warp(Block block, int index)
{
    private const int StackSize = 512;
    private readonly uint[] _masks = new uint[StackSize];
    private readonly int[] _counters = new int[StackSize];
    private readonly int[] _meetings = new int[StackSize];
    private int _depth;
    private uint _active;
    private int _counter;
    private int _meeting;
    private int _capacity;

    public byte* Registers;

    /// <summary>Per watched register, the lanes that have been written.</summary>
    public uint[] Written = [];

    public Block Block => block;

    /// <summary>Number of the warp in its block.</summary>
    public int Index => index;

    public WarpStatus Status { get; private set; }

    /// <summary>Lanes that have not exited.</summary>
    public uint Alive { get; private set; }

    /// <summary>Lanes the warp began with.</summary>
    public uint Lanes { get; private set; }

    /// <summary>The barrier waited at.</summary>
    public ControlStep? Barrier { get; private set; }

    /// <summary>Steps done since the warp began.</summary>
    public long Steps { get; private set; }

    public long LaneSteps { get; private set; }

    /// <summary>What orders this warp's accesses: see <see cref="Stamps"/>.</summary>
    public uint Clock;
    public readonly uint[] LaneClocks = new uint[32];
    public ulong StampBase;

    /// <summary>cp.async of this warp that have not been waited for.</summary>
    public readonly AsyncCopies Copies = new();

    public void Begin(int registerBytes, int watched, uint lanes)
    {
        if (_capacity < registerBytes)
        {
            NativeMemory.AlignedFree(Registers);
            Registers = (byte*)NativeMemory.AlignedAlloc((nuint)registerBytes, 64);
            new Span<byte>(Registers, registerBytes).Clear();
            _capacity = registerBytes;
        }

        if (Written.Length < watched) Written = new uint[watched];
        Written.AsSpan().Clear();
        _depth = 0;
        _active = Alive = Lanes = lanes;
        _counter = 0;
        _meeting = -1;
        Status = WarpStatus.Running;
        Barrier = null;
        Steps = LaneSteps = 0;
        Clock = 0;
        LaneClocks.AsSpan().Clear();
        Copies.Clear();
        SetStamp();
    }

    ~Warp() => NativeMemory.AlignedFree(Registers);

    public void SetStamp() => StampBase = Stamps.Base(block.Serial, Clock, index);

    /// <summary>Lets all lanes of a mask pass a point at which they see each other's accesses.</summary>
    public void Synchronize(uint mask)
    {
        Clock++;
        for (var m = mask; m != 0;) LaneClocks[Execution.Lanes.Next(ref m)] = Clock;
        SetStamp();
    }

    /// <summary>Goes on behind a barrier at which all warps have the same clock.</summary>
    public void Release(uint clock)
    {
        Clock = clock;
        LaneClocks.AsSpan().Fill(clock);
        SetStamp();
        Status = WarpStatus.Running;
        Barrier = null;
    }

    /// <summary>Runs until a barrier or the end.</summary>
    public void Run(Step[] code, long limit)
    {
        var counter = _counter;
        var active = _active;
        var steps = Steps;
        var laneSteps = LaneSteps;
        while (true)
        {
            var step = code[counter];
            var mask = active;
            if (step.Guard >= 0) mask &= *(uint*)(Registers + step.Guard) ^ step.GuardFlip;
            if (step.Kind == StepKind.Plain)
            {
                counter++;
                if (mask == 0) continue;
                steps++;
                laneSteps += BitOperations.PopCount(mask);
                step.Execute(this, mask);
                continue;
            }

            switch (step.Kind)
            {
                case StepKind.Branch:
                    if (++steps > limit)
                    {
                        throw Finding(FindingKind.EndlessLoop, step, mask, $"no end after {limit} steps of one warp");
                    }

                    laneSteps += BitOperations.PopCount(active);
                    if (mask == 0)
                    {
                        counter++;
                    }
                    else if (mask == active)
                    {
                        counter = step.Target;
                    }
                    else if (step.IsUniform)
                    {
                        throw Finding(FindingKind.NotUniform, step, mask, $"goes another way than other active lanes at a branch or call marked .uni (0x{mask:x8} of 0x{active:x8})");
                    }
                    else
                    {
                        Diverge(step, active, mask, ref counter);
                        active = _active;
                    }

                    break;
                case StepKind.Join:
                    if (counter == _meeting)
                    {
                        counter = Pop();
                        active = _active;
                    }
                    else
                    {
                        counter++;
                    }

                    break;
                case StepKind.Exit:
                    steps++;
                    Alive &= ~mask;
                    active &= ~mask;
                    if (active != 0)
                    {
                        counter++;
                        break;
                    }

                    if (Alive == 0)
                    {
                        (Steps, LaneSteps) = (steps, laneSteps);
                        Status = WarpStatus.Done;
                        return;
                    }

                    counter = Pop();
                    active = _active;
                    break;
                default:
                    counter++;
                    if (mask == 0) break;
                    steps++;
                    if (mask != Alive)
                    {
                        throw Finding(FindingKind.BarrierDivergence, step, mask, $"only lanes 0x{mask:x8} of the living lanes 0x{Alive:x8} come to this barrier");
                    }

                    Barrier = (ControlStep)step;
                    Status = WarpStatus.Waiting;
                    (_counter, _active, Steps, LaneSteps) = (counter, active, steps, laneSteps);
                    return;
            }
        }
    }

    private void Diverge(Step step, uint active, uint taken, ref int counter)
    {
        if (_depth + 2 > StackSize) throw Finding(FindingKind.EndlessLoop, step, taken, "branches are nested too deeply");
        // Where the ways meet at the point that is waited for already, those who wait there are in the entry below.
        if (step.Meeting != _meeting)
        {
            if (step.Meeting >= 0) Push(active, step.Meeting, _meeting);
            _meeting = step.Meeting;
        }

        if (step.Target == step.Meeting)
        {
            _active = active & ~taken;
            counter++;
            return;
        }

        if (counter + 1 != step.Meeting) Push(active & ~taken, counter + 1, _meeting);
        _active = taken;
        counter = step.Target;
    }

    private void Push(uint mask, int counter, int meeting)
    {
        (_masks[_depth], _counters[_depth], _meetings[_depth]) = (mask, counter, meeting);
        _depth++;
    }

    /// <summary>Goes on with the way put off last that still has living lanes.</summary>
    private int Pop()
    {
        do
        {
            _depth--;
            _active = _masks[_depth] & Alive;
            _meeting = _meetings[_depth];
        }
        while (_active == 0);
        return _counters[_depth];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public KernelFinding Finding(FindingKind kind, Step step, uint mask, string message)
    {
        var lane = mask == 0 ? 0 : BitOperations.TrailingZeroCount(mask);
        return Finding(kind, step, lane, message);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public KernelFinding Finding(FindingKind kind, Step step, int lane, string message) =>
        block.Finding(kind, step.Line, index * 32 + lane, message);
}

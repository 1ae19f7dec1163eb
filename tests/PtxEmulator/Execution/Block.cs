using PtxEmulator.Checks;
using PtxEmulator.Isa;
using PtxEmulator.Memory;

namespace PtxEmulator.Execution;

/// <summary>A block of threads: its warps, its shared memory, its threads' local memory. One object serves the blocks of a launch in turn.</summary>
internal sealed unsafe class Block
{
    private readonly Launch _launch;
    private readonly Warp[] _warps;
    private readonly int _threads;
    private (uint X, uint Y, uint Z) _index;

    public Block(Launch launch)
    {
        _launch = launch;
        _threads = (int)(launch.Shape.BlockX * launch.Shape.BlockY * launch.Shape.BlockZ);
        _warps = new Warp[(_threads + 31) / 32];
        for (var i = 0; i < _warps.Length; i++) _warps[i] = new Warp(this, i);
        var program = launch.Program;
        var shared = program.SharedBytes + launch.Shape.SharedBytes;
        if (shared > 0) Shared = new Region(0, shared, true, "the block's shared memory");
        if (program.LocalBytes > 0) Local = new Region(0, (long)program.LocalBytes * _threads, false, "a thread's local memory");
    }

    public Launch Launch => _launch;
    public Region? Shared { get; }
    public Region? Local { get; }

    /// <summary>Number of this block among all blocks ever run.</summary>
    public uint Serial { get; private set; }
    public uint LaunchSerial => _launch.Serial;

    /// <summary>Clock of the last barrier.</summary>
    public uint BarrierClock { get; private set; }

    /// <summary>Stamps of this block below this are of before the last barrier.</summary>
    public ulong BarrierFloor { get; private set; }

    /// <summary>Stamps of shared memory below this are of other blocks, of global memory of other launches.</summary>
    public ulong SharedFloor { get; private set; }
    public ulong LaunchFloor { get; private set; }

    public long Steps { get; private set; }
    public long LaneSteps { get; private set; }
    public long Barriers { get; private set; }

    public void Run(uint x, uint y, uint z, uint linear)
    {
        _index = (x, y, z);
        Serial = _launch.Serial + 1 + linear;
        BarrierClock = 0;
        BarrierFloor = SharedFloor = Stamps.Floor(Serial, 0);
        LaunchFloor = Stamps.Floor(_launch.Serial, 0);
        var program = _launch.Program;
        if (Shared is not null)
        {
            var states = new Span<byte>(Shared.States, (int)Shared.Length);
            program.SharedStates.CopyTo(states);
            states[(int)program.SharedBytes..].Clear();
            new Span<byte>(Shared.Host, (int)Shared.Length).Fill(Region.Poison);
        }

        if (Local is not null) new Span<byte>(Local.States, (int)Local.Length).Clear();
        foreach (var warp in _warps)
        {
            var count = Math.Min(32, _threads - warp.Index * 32);
            warp.Begin(program.RegisterBytes, program.WatchedRegisters, count == 32 ? Lanes.All : (1u << count) - 1);
            SetSpecials(warp);
        }

        while (true)
        {
            var done = 0;
            foreach (var warp in _warps)
            {
                if (warp.Status == WarpStatus.Running) warp.Run(program.Code, _launch.StepLimit);
                if (warp.Status == WarpStatus.Done) done++;
            }

            if (done == _warps.Length) break;
            PassBarrier();
        }

        foreach (var warp in _warps)
        {
            Steps += warp.Steps;
            LaneSteps += warp.LaneSteps;
            if (warp.Copies.IsPending)
            {
                throw Finding(FindingKind.MissingWait, 0, warp.Index * 32, "ends with cp.async copies that were never waited for");
            }
        }
    }

    /// <summary>Lets the warps that wait go on, once enough have come.</summary>
    private void PassBarrier()
    {
        var first = Array.Find(_warps, w => w.Status == WarpStatus.Waiting)!;
        for (var i = first.Index; i < _warps.Length; i++)
        {
            if (_warps[i].Status != WarpStatus.Waiting) continue;
            var barrier = _warps[i].Barrier!;
            var waiting = 0;
            foreach (var warp in _warps)
            {
                if (warp.Status == WarpStatus.Waiting && warp.Barrier!.Barrier == barrier.Barrier) waiting++;
                else if (barrier.BarrierThreads == 0 && warp.Status == WarpStatus.Done) throw Missing(first, barrier, warp);
                if (barrier.BarrierThreads == 0 && warp.Alive != warp.Lanes) throw Missing(first, barrier, warp);
            }

            if (waiting < (barrier.BarrierThreads == 0 ? _warps.Length : barrier.BarrierThreads / 32)) continue;
            Pass(barrier);
            return;
        }

        throw Finding(
            FindingKind.BarrierDivergence, first.Barrier!.Line, first.Index * 32,
            $"waits at barrier {first.Barrier.Barrier} for warps that wait elsewhere or have exited");
    }

    private KernelFinding Missing(Warp first, ControlStep barrier, Warp missing) => Finding(
        FindingKind.BarrierDivergence, first.Barrier!.Line, first.Index * 32,
        $"waits at barrier {barrier.Barrier} for threads of warp {missing.Index} that have exited");

    private void Pass(ControlStep barrier)
    {
        Barriers++;
        uint clock = 0;
        foreach (var warp in _warps) clock = Math.Max(clock, warp.Clock + 1);
        if (barrier.BarrierThreads == 0)
        {
            BarrierClock = clock;
            BarrierFloor = Stamps.Floor(Serial, clock);
        }

        foreach (var warp in _warps)
        {
            if (warp.Status == WarpStatus.Waiting && warp.Barrier!.Barrier == barrier.Barrier) warp.Release(clock);
        }
    }

    private void SetSpecials(Warp warp)
    {
        foreach (var (name, offset) in _launch.Program.Specials)
        {
            var lanes = warp.Registers + offset;
            if (SpecialRegisters.Type(name) == ScalarType.U64)
            {
                new Span<ulong>(lanes, 32).Clear();
                continue;
            }

            if (OfBlock(name, warp) is { } value)
            {
                new Span<uint>(lanes, 32).Fill(value);
                continue;
            }

            for (var lane = 0; lane < 32; lane++) ((uint*)lanes)[lane] = OfLane(name, (uint)warp.Index * 32, lane);
        }
    }

    /// <summary>A special register that all lanes of a warp see alike; null for others.</summary>
    private uint? OfBlock(string name, Warp warp)
    {
        var shape = _launch.Shape;
        return name switch
        {
            "%ntid.x" => shape.BlockX,
            "%ntid.y" => shape.BlockY,
            "%ntid.z" => shape.BlockZ,
            "%ctaid.x" => _index.X,
            "%ctaid.y" => _index.Y,
            "%ctaid.z" => _index.Z,
            "%nctaid.x" => shape.GridX,
            "%nctaid.y" => shape.GridY,
            "%nctaid.z" => shape.GridZ,
            "%warpid" => (uint)warp.Index,
            "%nwarpid" => (uint)_warps.Length,
            "%nsmid" => 1,
            "%smid" or "%clock" => 0,
            _ => null,
        };
    }

    private uint OfLane(string name, uint first, int lane)
    {
        var shape = _launch.Shape;
        var thread = first + (uint)lane;
        return name switch
        {
            "%tid.x" => thread % shape.BlockX,
            "%tid.y" => thread / shape.BlockX % shape.BlockY,
            "%tid.z" => thread / (shape.BlockX * shape.BlockY),
            "%laneid" => (uint)lane,
            "%lanemask_eq" => 1u << lane,
            "%lanemask_lt" => (1u << lane) - 1,
            "%lanemask_le" => uint.MaxValue >> (31 - lane),
            "%lanemask_gt" => ~(uint.MaxValue >> (31 - lane)),
            _ => ~((1u << lane) - 1),
        };
    }

    public KernelFinding Finding(FindingKind kind, int line, int thread, string message)
    {
        var shape = _launch.Shape;
        var t = (uint)thread;
        return new KernelFinding(
            kind,
            $"{_launch.Program.Name}, ptx line {line}: thread ({t % shape.BlockX},{t / shape.BlockX % shape.BlockY},{t / (shape.BlockX * shape.BlockY)}) "
            + $"of block ({_index.X},{_index.Y},{_index.Z}) {message}")
        {
            Kernel = _launch.Program.Name,
            Line = line,
        };
    }
}

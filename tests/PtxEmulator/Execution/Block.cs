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
        var first = _warps.First(w => w.Status == WarpStatus.Waiting);
        foreach (var group in _warps.Where(w => w.Status == WarpStatus.Waiting).GroupBy(w => w.Barrier!.Barrier))
        {
            var expected = group.First().Barrier!.BarrierThreads;
            var waiting = expected == 0 ? group.Count() : group.Sum(_ => 32);
            if (expected == 0)
            {
                var missing = Array.Find(_warps, w => w.Status == WarpStatus.Done || w.Alive != FullMask(w));
                if (missing is not null)
                {
                    throw Finding(
                        FindingKind.BarrierDivergence, first.Barrier!.Line, first.Index * 32,
                        $"waits at barrier {group.Key} for threads of warp {missing.Index} that have exited");
                }

                if (waiting != _warps.Length) continue;
            }
            else if (waiting < expected)
            {
                continue;
            }

            Barriers++;
            var clock = _warps.Max(w => w.Clock) + 1;
            if (expected == 0)
            {
                BarrierClock = clock;
                BarrierFloor = Stamps.Floor(Serial, clock);
            }

            foreach (var warp in group.ToArray()) warp.Release(clock);
            return;
        }

        throw Finding(
            FindingKind.BarrierDivergence, first.Barrier!.Line, first.Index * 32,
            $"waits at barrier {first.Barrier.Barrier} for warps that wait elsewhere or have exited");
    }

    private uint FullMask(Warp warp)
    {
        var count = Math.Min(32, _threads - warp.Index * 32);
        return count == 32 ? Lanes.All : (1u << count) - 1;
    }

    private void SetSpecials(Warp warp)
    {
        var shape = _launch.Shape;
        foreach (var (name, offset) in _launch.Program.Specials)
        {
            var lanes = warp.Registers + offset;
            for (uint lane = 0; lane < 32; lane++)
            {
                var thread = (uint)warp.Index * 32 + lane;
                var value = name switch
                {
                    "%tid.x" => thread % shape.BlockX,
                    "%tid.y" => thread / shape.BlockX % shape.BlockY,
                    "%tid.z" => thread / (shape.BlockX * shape.BlockY),
                    "%ntid.x" => shape.BlockX,
                    "%ntid.y" => shape.BlockY,
                    "%ntid.z" => shape.BlockZ,
                    "%ctaid.x" => _index.X,
                    "%ctaid.y" => _index.Y,
                    "%ctaid.z" => _index.Z,
                    "%nctaid.x" => shape.GridX,
                    "%nctaid.y" => shape.GridY,
                    "%nctaid.z" => shape.GridZ,
                    "%laneid" => lane,
                    "%warpid" => (uint)warp.Index,
                    "%nwarpid" => (uint)_warps.Length,
                    "%lanemask_eq" => 1u << (int)lane,
                    "%lanemask_lt" => (1u << (int)lane) - 1,
                    "%lanemask_le" => (2u << (int)lane) - 1,
                    "%lanemask_gt" => ~((2u << (int)lane) - 1),
                    "%lanemask_ge" => ~((1u << (int)lane) - 1),
                    "%nsmid" => 1u,
                    _ => 0u,
                };
                if (SpecialRegisters.Type(name) == ScalarType.U64) ((ulong*)lanes)[lane] = value;
                else ((uint*)lanes)[lane] = value;
            }
        }
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

using System.Numerics;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Forward pass of the matrix-state recurrence by chunks: a piece of work is a batch row and head, or some of its value
/// channels where there are fewer of those than threads.</summary>
/// <remarks>A value channel does not depend on the others, so the cut does not show in the bits.</remarks>
internal unsafe struct ChunkedStateForward<V, T> : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private MatrixStateProblem<T>* _problem;
    private int _parts, _partWidth;

    public static void Run(MatrixStateProblem<T>* p, long states, double nanoseconds)
    {
        var wanted = Math.Max(1, WorkerPool.Threads / Math.Max(1, states));
        // Parts are whole register tiles.
        var grain = 2 * V.Count;
        var grains = (p->ValueWidth + grain - 1) / grain;
        var width = (int)((grains + wanted - 1) / wanted) * grain;
        var body = new ChunkedStateForward<V, T> { _problem = p, _partWidth = width, _parts = (p->ValueWidth + width - 1) / width };
        WorkerPool.For(states * body._parts, nanoseconds / body._parts, ref body);
    }

    public readonly void Run(long tile)
    {
        var p = _problem;
        long state = tile / _parts, batch = state / p->Heads, head = state % p->Heads;
        int first = (int)(tile % _parts) * _partWidth, width = Math.Min(_partWidth, p->ValueWidth - first);
        int keyPitch = Registers.Whole<V, T>(p->KeyWidth), valuePitch = Registers.Whole<V, T>(width);
        var stateSize = (long)p->KeyWidth * valuePitch;
        using var scratch = new Scratch<T>(stateSize + ChunkWorkspace<T>.Size(keyPitch)
            + ChunkedStateTile<V, T>.Size(keyPitch, valuePitch) + ChunkedStateTile<V, T>.Rows * valuePitch);
        var memory = scratch.Pointer;
        var s = ChunkedStateTile<V, T>.Take(ref memory, stateSize);
        var output = ChunkedStateTile<V, T>.Take(ref memory, ChunkedStateTile<V, T>.Rows * valuePitch);
        var work = new ChunkWorkspace<T>(p, head, keyPitch, ref memory);
        var steps = new ChunkedStateTile<V, T>(p, &work, keyPitch, valuePitch, ref memory);

        new Span<T>(s, checked((int)stateSize)).Clear();
        if (p->Initial != null) p->Load(p->Initial + p->State(batch, head), first, width, s, valuePitch);
        for (int start = 0, end; start < p->Length; start = end)
        {
            end = ChunkedStateTile<V, T>.End(p, start);
            if (p->Kept != null && start % p->Spacing == 0)
                p->Save(s, valuePitch, p->Kept + p->KeptState(batch, head, start / p->Spacing), first, width);
            steps.Load(batch, head, start, end, first, width, ChunkedStateTile<V, T>.Rows);
            steps.Form();
            if (steps.Delta) steps.Solve(s);
            steps.Read(s, output);
            steps.CopyBack(output, valuePitch, V.Const(1), p->Output + p->Value(batch, start, head) + first, p->ValueStep, width, ChunkedStateTile<V, T>.Rows);
            steps.Advance(s, s);
        }

        p->Save(s, valuePitch, p->Final + p->State(batch, head), first, width);
    }
}

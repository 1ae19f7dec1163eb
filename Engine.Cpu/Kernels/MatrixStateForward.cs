using System.Numerics;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Forward pass of the matrix-state recurrence, step by step: one tile per batch row and head.</summary>
internal unsafe struct MatrixStateForward<V, T> : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public MatrixStateProblem<T>* Problem;

    public readonly void Run(long tile)
    {
        var p = Problem;
        long batch = tile / p->Heads, head = tile % p->Heads;
        int rows = p->KeyWidth, width = p->ValueWidth, stride = Registers.Whole<V, T>(width);
        using var scratch = new Scratch<T>((long)rows * stride + 3 * stride + 2 * rows);
        T* state = scratch.Pointer, value = state + (long)rows * stride, u = value + stride, o = u + stride, fade = o + stride, query = fade + rows;
        new Span<T>(state, rows * stride + stride).Clear();
        if (p->Initial != null) p->Load(p->Initial + p->State(batch, head), 0, width, state, stride);
        var scale = T.CreateChecked(p->Scale);
        for (var t = 0; t < p->Length; t++)
        {
            if (p->Kept != null && t % p->Spacing == 0) p->Save(state, stride, p->Kept + p->KeptState(batch, head, t / p->Spacing), 0, width);
            var key = p->Key(batch, t, head);
            p->Fade<V>(batch, t, head, fade, 1);
            for (var i = 0; i < rows; i++) query[i] = scale * p->Q[key + i];
            new Span<T>(p->V + p->Value(batch, t, head), width).CopyTo(new Span<T>(value, width));
            if (p->A != null) MatrixStateStep<V, T>.Read(state, p->A + key, rows, stride, u);
            MatrixStateStep<V, T>.Advance(
                state, state, fade, p->K + key, value, p->B == null ? null : p->B + key, u, query, o, rows, stride);
            new Span<T>(o, width).CopyTo(new Span<T>(p->Output + p->Value(batch, t, head), width));
        }

        p->Save(state, stride, p->Final + p->State(batch, head), 0, width);
    }
}

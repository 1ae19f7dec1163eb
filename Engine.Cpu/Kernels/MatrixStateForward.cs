using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;
using static Edifice.Engine.Cpu.Memory.Operand;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Forward pass of the matrix-state recurrence: one tile per batch row and head.</summary>
internal static unsafe class MatrixStateForward<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static void Run(in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b,
        Tensor? initial, Tensor output, Tensor final, Tensor? kept)
    {
        fixed (T* pq = &First<T>(q), pk = &First<T>(k), pv = &First<T>(v), pDecay = &First<T>(decay), pa = &First<T>(a))
        fixed (T* pb = &First<T>(b), pInitial = &First<T>(initial), po = &First<T>(output), pFinal = &First<T>(final), pKept = &First<T>(kept))
        fixed (double* factors = spec.HeadFactors)
        {
            var action = new Tiles
            {
                Operands = new MatrixStateOperands<T>
                {
                    Q = pq, K = pk, V = pv, Decay = pDecay, A = pa, B = pb, Initial = pInitial, Kept = pKept, HeadFactors = factors,
                    Kind = spec.Decay, Scale = spec.Scale, Batch = q.Layout.Dims[0], Length = q.Layout.Dims[1], Heads = q.Layout.Dims[2],
                    KeyWidth = q.Layout.Dims[3], ValueWidth = v.Layout.Dims[3], Spacing = CpuBackend.Instance.MatrixStateSpacing,
                },
                Output = po, Final = pFinal,
            };
            var tiles = (long)action.Operands.Batch * action.Operands.Heads;
            var cost = 0.2 * action.Operands.Length * action.Operands.KeyWidth * action.Operands.ValueWidth;
            WorkerPool.For(tiles, cost, ref action);
        }
    }

    private struct Tiles : ITiles
    {
        public MatrixStateOperands<T> Operands;
        public T* Output, Final;

        public void Run(long tile)
        {
            var action = new Tile { All = this, Batch = tile / Operands.Heads, Head = tile % Operands.Heads };
            Isa.Run<T, Tile>(ref action);
        }
    }

    private struct Tile : ILanesAction<T>
    {
        public Tiles All;
        public long Batch, Head;

        public readonly void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            ref readonly var x = ref All.Operands;
            int rows = x.KeyWidth, width = x.ValueWidth, stride = (width + V.Count - 1) / V.Count * V.Count;
            using var scratch = new Scratch<T>((long)rows * stride + 3 * stride + 2 * rows);
            T* state = scratch.Pointer, value = state + (long)rows * stride, u = value + stride, o = u + stride, fade = o + stride, query = fade + rows;
            new Span<T>(state, rows * stride + stride).Clear();
            var at = (Batch * x.Heads + Head) * rows * width;
            if (x.Initial != null) Load(x.Initial + at, state, rows, width, stride);
            var scale = T.CreateChecked(x.Scale);
            for (var t = 0; t < x.Length; t++)
            {
                if (x.Kept != null && t % x.Spacing == 0)
                    Save(state, x.Kept + ((Batch * x.Heads + Head) * x.KeptCount + t / x.Spacing) * rows * width, rows, width, stride);
                var key = x.Key(Batch, t, Head);
                x.Fade(Batch, t, Head, fade);
                for (var i = 0; i < rows; i++) query[i] = scale * x.Q[key + i];
                new Span<T>(x.V + x.Value(Batch, t, Head), width).CopyTo(new Span<T>(value, width));
                if (x.A != null) MatrixStateStep<V, T>.Read(state, x.A + key, rows, stride, u);
                MatrixStateStep<V, T>.Advance(
                    state, state, fade, x.K + key, value, x.B == null ? null : x.B + key, u, query, o, rows, stride);
                new Span<T>(o, width).CopyTo(new Span<T>(All.Output + x.Value(Batch, t, Head), width));
            }

            Save(state, All.Final + at, rows, width, stride);
        }
    }

    /// <summary>Rows of a packed state into rows of whole registers.</summary>
    public static void Load(T* packed, T* state, int rows, int width, int stride)
    {
        for (var i = 0; i < rows; i++)
            new Span<T>(packed + (long)i * width, width).CopyTo(new Span<T>(state + (long)i * stride, width));
    }

    /// <summary>The reverse of <see cref="Load"/>.</summary>
    public static void Save(T* state, T* packed, int rows, int width, int stride)
    {
        for (var i = 0; i < rows; i++)
            new Span<T>(state + (long)i * stride, width).CopyTo(new Span<T>(packed + (long)i * width, width));
    }
}

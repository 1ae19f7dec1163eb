using System.Numerics;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>What the backward pass of attention reads and writes beside the operands of the forward pass.</summary>
internal unsafe struct AttentionGradients<T> where T : unmanaged
{
    /// <summary>Cotangent of the output.</summary>
    public HeadVectors<T> Output;

    /// <summary>Cotangents of the log-sum-exps, vectors of one element; not given: zero.</summary>
    public HeadVectors<T> LogSumExp;

    /// <summary>Results, contiguous in the order of q, k and v.</summary>
    public T* Q, K, V;
}

/// <summary>Gradients of attention, weights formed again from the log-sum-exps tile by tile (Dao et al. 2022; equations 9
/// and 10 of the page).</summary>
/// <remarks>
/// <para>Tile after tile of a head's keys visits the rows that see it in ascending order. It sums its dk and dv, chains of fused
/// multiply-adds over the rows of all heads of the group, and continues the rows' dq, a chain over the keys. So every sum has its
/// order from the problem alone. Rows that saw nothing enter with weight and cotangent 0, whatever they hold.</para>
/// <para>A thread takes a key-value head with all its tiles or, when there are too few heads for the threads, one tile, the tiles of
/// all heads in turn. A tile then adds to the dq of some rows only when the one before it is past them: it started earlier and waits
/// for none that started later, so it gets there.</para>
/// </remarks>
internal unsafe struct AttentionBackward<V, T> : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Keys = AttentionKeys<V, T>.Count;

    private AttentionProblem<T>* _problem;
    private AttentionGradients<T>* _gradients;
    private T* _shifts, _offsets;
    private int _padded;

    /// <summary>For each tile of keys of each head the row that it has reached; null: a thread does all tiles of a head.</summary>
    private int* _reached;

    private static int KeyTiles(AttentionProblem<T>* p) => (p->Keys + Keys - 1) / Keys;

    /// <summary>Runs the whole problem.</summary>
    public static void Run(AttentionProblem<T>* p, AttentionGradients<T>* gradients)
    {
        var heads = (long)p->Batch * p->KeyHeads;
        if (heads == 0) return;
        var padded = Registers.Whole<V, T>(p->Rows);
        using var rows = new Scratch<T>(2 * heads * padded);
        var body = new AttentionBackward<V, T>
        {
            _problem = p, _gradients = gradients, _padded = padded, _shifts = rows.Pointer, _offsets = rows.Pointer + heads * padded,
        };
        var prepare = new PrepareRows { Body = &body };
        WorkerPool.For(heads, p->Rows * (0.1 * (p->Width + p->ValueWidth) + 20), ref prepare);

        var tiles = KeyTiles(p);
        var work = p->Pairs * (5.0 * (p->Width + p->ValueWidth) / (sizeof(T) == 4 ? 80 : 40) + 0.2);
        var threads = WorkerPool.Threads;
        if (threads == 1 || tiles < 2 || heads % threads == 0 || heads >= 8L * threads)
        {
            WorkerPool.For(heads, work / heads + 500, ref body);
            return;
        }

        using var reached = new Scratch<int>(heads * tiles);
        new Span<int>(reached.Pointer, checked((int)heads * tiles)).Clear();
        body._reached = reached.Pointer;
        WorkerPool.For(heads * tiles, work / (heads * tiles) + 500, ref body);
    }

    /// <summary>All tiles of a head or one.</summary>
    public readonly void Run(long tile)
    {
        var heads = (long)_problem->Batch * _problem->KeyHeads;
        var head = tile % heads;
        var own = _reached == null ? null : _reached + tile;
        try
        {
            var work = new AttentionBackwardHead<V, T>
            {
                Problem = _problem, Gradients = _gradients, Batch = (int)(head / _problem->KeyHeads), KeyHead = (int)(head % _problem->KeyHeads),
                Shifts = _shifts + head * _padded, Offsets = _offsets + head * _padded,
                Reached = own, ReachedBefore = tile < heads ? null : own - heads,
            };
            if (own != null)
            {
                work.Run((int)(tile / heads), 1);
                // Who waits for this tile waits for all before it.
                work.WaitFor(int.MaxValue);
            }
            else
            {
                work.Run(0, KeyTiles(_problem));
            }
        }
        finally
        {
            if (own != null) Volatile.Write(ref *own, int.MaxValue);
        }
    }

    /// <summary>What the tiles need of each row, and zeros into dq.</summary>
    private struct PrepareRows : ITiles
    {
        public AttentionBackward<V, T>* Body;

        public readonly void Run(long head)
        {
            var p = Body->_problem;
            var gradients = Body->_gradients;
            int batch = (int)(head / p->KeyHeads), keyHead = (int)(head % p->KeyHeads);
            T* shifts = Body->_shifts + head * Body->_padded, offsets = Body->_offsets + head * Body->_padded;
            for (var row = 0; row < p->Rows; row++)
            {
                var place = p->Place(batch, keyHead, row);
                new Span<T>(gradients->Q + place * p->Width, p->Width).Clear();
                shifts[row] = offsets[row] = T.Zero;
                if (p->SawNothing(place)) continue;
                shifts[row] = p->LogSumExp[place];
                int position = row / p->Sharing, h = keyHead * p->Sharing + row % p->Sharing;
                var cotangent = gradients->Output.At(batch, position, h);
                var output = p->Output + place * p->ValueWidth;
                var sum = V.Zero;
                for (var x = 0; x < p->ValueWidth; x += V.Count)
                {
                    var n = Math.Min(V.Count, p->ValueWidth - x);
                    sum = V.MultiplyAdd(V.LoadPartial(cotangent + x, n), V.LoadPartial(output + x, n), sum);
                }

                offsets[row] = V.Sum(sum);
                if (gradients->LogSumExp.Start != null) offsets[row] -= *gradients->LogSumExp.At(batch, position, h);
            }
        }
    }
}

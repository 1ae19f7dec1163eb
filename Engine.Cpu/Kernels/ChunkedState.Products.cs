using System.Numerics;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Products of a few rows in scratch memory, all operands near: no packing, only register tiles.</summary>
/// <remarks>Right factors and results have rows of whole registers. Every element is one chain of fused multiply-adds in ascending
/// order of the summed index.</remarks>
internal static unsafe class ChunkProducts<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>C (rows × columns) = A B or C += A B.</summary>
    /// <param name="rows">Rows of A and C.</param>
    /// <param name="columns">Columns of B and C, whole registers.</param>
    /// <param name="k">Columns of A, rows of B.</param>
    /// <param name="a">Element (i, j) at i·<paramref name="aRow"/> + j·<paramref name="aStep"/>.</param>
    /// <param name="aRow">Distance of A's rows.</param>
    /// <param name="aStep">Distance of A's columns.</param>
    /// <param name="b">B.</param>
    /// <param name="bRow">Distance of B's rows.</param>
    /// <param name="c">C.</param>
    /// <param name="cRow">Distance of C's rows.</param>
    /// <param name="accumulate">Add to what C holds.</param>
    public static void Run(int rows, int columns, int k, T* a, nint aRow, nint aStep, T* b, nint bRow, T* c, nint cRow, bool accumulate)
    {
        var height = Height(rows);
        for (var x = 0; x < columns; x += 2 * V.Count)
        {
            var registers = columns - x > V.Count ? 2 : 1;
            for (var r = 0; r < rows; r += height)
                MatMulTile<V, T>.Run(Math.Min(height, rows - r), registers, a + r * aRow, aRow, aStep, b + x, bRow, c + r * cRow + x, cRow, k, accumulate);
        }
    }

    /// <summary>C += A B for a square lower triangular A, rows <paramref name="aRow"/> apart: what lies above the tiles of the diagonal
    /// is not looked at.</summary>
    public static void AddLower(int n, int columns, T* a, nint aRow, T* b, nint bRow, T* c, nint cRow)
    {
        var height = Height(n);
        for (var x = 0; x < columns; x += 2 * V.Count)
        {
            var registers = columns - x > V.Count ? 2 : 1;
            for (var r = 0; r < n; r += height)
            {
                var rows = Math.Min(height, n - r);
                MatMulTile<V, T>.Run(rows, registers, a + r * aRow, aRow, 1, b + x, bRow, c + r * cRow + x, cRow, r + rows, true);
            }
        }
    }

    /// <summary>C += Aᵀ B for the same A.</summary>
    public static void AddLowerTransposed(int n, int columns, T* a, nint aRow, T* b, nint bRow, T* c, nint cRow)
    {
        var height = Height(n);
        for (var x = 0; x < columns; x += 2 * V.Count)
        {
            var registers = columns - x > V.Count ? 2 : 1;
            for (var r = 0; r < n; r += height)
                MatMulTile<V, T>.Run(Math.Min(height, n - r), registers, a + r * aRow + r, 1, aRow, b + r * bRow + x, bRow, c + r * cRow + x, cRow, n - r, true);
        }
    }

    /// <summary>destination[j, i] = source[i, j] for i &lt; rows, j &lt; columns, both whole registers.</summary>
    public static void Transpose(int rows, int columns, T* source, nint sourceRow, T* destination, nint destinationRow)
    {
        for (var i = 0; i < rows; i += V.Count)
            for (var j = 0; j < columns; j += V.Count)
                TileTranspose<V, T>.Run(source + i * sourceRow + j, sourceRow, destination + j * destinationRow + i, destinationRow, V.Count, V.Count);
    }

    /// <summary>Rows of a tile: as few tiles as there can be, of nearly equal height.</summary>
    private static int Height(int rows)
    {
        var tiles = (rows + MatMulTile<V, T>.MaxRows - 1) / MatMulTile<V, T>.MaxRows;
        return Math.Max(1, (rows + tiles - 1) / Math.Max(1, tiles));
    }
}

namespace Edifice.Engine.Cpu.Simd;

/// <summary>Sizes in registers.</summary>
internal static class Registers
{
    /// <summary>The elements of as many whole registers as <paramref name="count"/> elements need.</summary>
    public static int Whole<V, T>(int count)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged => (count + V.Count - 1) / V.Count * V.Count;
}

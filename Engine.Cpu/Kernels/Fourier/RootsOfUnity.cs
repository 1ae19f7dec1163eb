namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>cos and sin of 2π k/n, correct to about an ulp of double for any k.</summary>
internal static class RootsOfUnity
{
    /// <summary>The argument is reduced to [0, π/4] in integers, so large k lose nothing and symmetric roots have equal
    /// bits.</summary>
    public static (double Cos, double Sin) At(long k, long n)
    {
        // 2π k/n = quadrant · π/2 + (π/2) · rest/n
        var scaled = (Int128)4 * (((k % n) + n) % n);
        var quadrant = (int)(scaled / n);
        var rest = (long)(scaled % n);
        var (sin, cos) = (2 * (Int128)rest).CompareTo(n) switch
        {
            < 0 => Math.SinCos(Math.PI / 2 * rest / n),
            0 => (Math.Sqrt(0.5), Math.Sqrt(0.5)),
            _ => Swap(Math.SinCos(Math.PI / 2 * (n - rest) / n)),
        };
        return quadrant switch
        {
            0 => (cos, sin),
            1 => (-sin, cos),
            2 => (-cos, -sin),
            _ => (sin, -cos),
        };

        static (double, double) Swap((double Sin, double Cos) x) => (x.Cos, x.Sin);
    }
}

namespace Edifice.Engine.Autograd;

/// <summary>Whether operations of this thread are recorded on the tape.</summary>
public static class GradMode
{
    [ThreadStatic] private static bool s_off;

    /// <summary>True while operations are recorded.</summary>
    public static bool IsOn => !s_off;

    /// <summary>Stops recording until the result is disposed: <c>using (GradMode.Off()) …</c></summary>
    public static Region Off() => new(off: true);

    /// <summary>Resumes recording inside a region that stopped it.</summary>
    public static Region On() => new(off: false);

    /// <summary>A span of time with its own setting.</summary>
    public readonly struct Region : IDisposable
    {
        private readonly bool _before;

        internal Region(bool off)
        {
            _before = s_off;
            s_off = off;
        }

        /// <summary>Restores the setting from before.</summary>
        public void Dispose() => s_off = _before;
    }
}

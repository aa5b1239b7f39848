import { Module } from '@nestjs/common';
import { Roads } from './roads.js';

@Module({ providers: [{ provide: Roads, useFactory: () => Roads.open() }], exports: [Roads] })
export class RoadsModule {}
